package dev.quantline.data;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ClosestName;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Consumer;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVRecord;
import org.apache.commons.csv.DuplicateHeaderMode;

/** A table with a header row: CSV with quoted fields, or TSV without, in UTF-8; one row is in memory at a time. */
public final class Table {
    private final Path file;
    private final CSVFormat format;
    private final List<String> columns;

    private Table(Path file, CSVFormat format, List<String> columns) {
        this.file = file;
        this.format = format;
        this.columns = columns;
    }

    /** One row. */
    public interface Row {
        /** A field by column. @throws BadInput when the row is too short */
        String get(String column);
    }

    /** Whether a file is one, by its name. */
    public static boolean isTable(Path file) {
        return file.toString().toLowerCase(Locale.ROOT).matches(".*\\.(csv|tsv)");
    }

    /** Reads the names. @throws BadInput naming the file when there are none */
    public static Table open(Path file) throws IOException {
        boolean tabs = file.toString().toLowerCase(Locale.ROOT).endsWith(".tsv");
        var format = CSVFormat.Builder.create(tabs ? CSVFormat.TDF : CSVFormat.RFC4180)
                .setQuote(tabs ? null : '"')
                .setHeader()
                .setSkipHeaderRecord(true)
                .setDuplicateHeaderMode(DuplicateHeaderMode.DISALLOW)
                .setIgnoreEmptyLines(true)
                .setIgnoreSurroundingSpaces(false)
                .get();
        try (var reader = Files.newBufferedReader(file);
                var parser = format.parse(reader)) {
            var columns = parser.getHeaderNames().stream()
                    .map(name -> name.replace("\uFEFF", ""))
                    .toList();
            if (columns.isEmpty()) {
                throw new BadInput(file + " is empty: its first line must name the columns");
            }
            return new Table(file, format, columns);
        } catch (CharacterCodingException | IllegalArgumentException | UncheckedIOException e) {
            throw unreadable(file, e);
        }
    }

    /** Names of the columns. */
    public List<String> columns() {
        return columns;
    }

    /** The first of these columns that the table has. */
    public Optional<String> first(List<String> names) {
        return names.stream()
                .flatMap(name -> columns.stream().filter(name::equalsIgnoreCase))
                .findFirst();
    }

    /** The column itself. @throws BadInput naming the nearest right one where there is none of this name */
    public String require(String column) {
        if (!columns.contains(column)) {
            throw new BadInput("%s has no column '%s': %s".formatted(file, column, ClosestName.hint(column, columns)));
        }
        return column;
    }

    /** Hands out the rows in order. */
    public void forEach(Consumer<Row> action) throws IOException {
        try (var reader = Files.newBufferedReader(file, StandardCharsets.UTF_8);
                var parser = format.parse(reader)) {
            parser.forEach(row -> action.accept(column -> field(row, columns.indexOf(column), column)));
        } catch (CharacterCodingException | UncheckedIOException e) {
            throw unreadable(file, e);
        }
    }

    private String field(CSVRecord row, int index, String column) {
        if (index >= row.size()) {
            throw new BadInput("%s: row %d has %d fields, and none for column '%s'"
                    .formatted(file, row.getRecordNumber(), row.size(), column));
        }
        return row.get(index).strip();
    }

    private static BadInput unreadable(Path file, Exception cause) {
        return new BadInput(
                "%s is not a UTF-8 table: %s"
                        .formatted(
                                file,
                                cause instanceof CharacterCodingException
                                        ? "it contains other bytes"
                                        : cause.getMessage()),
                cause);
    }
}
