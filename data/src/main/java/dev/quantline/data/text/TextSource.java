package dev.quantline.data.text;

import dev.quantline.data.Table;
import dev.quantline.onnx.BadInput;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** Texts of a file, read anew at every pass, so that none is kept: lines of plain text, or columns of a table. */
interface TextSource {
    /**
     * One sample.
     *
     * @param texts one, or the two of a pair
     * @param score of a pair; null for none
     * @param label name of a class; null for none
     */
    record Sample(List<String> texts, Float score, String label) {}

    /** Hands out the samples in order. */
    void forEach(Consumer<Sample> action) throws IOException;

    /** What the samples are, in words. */
    String described();

    /** The source that a file is, by its ending. @throws BadInput naming what is missing */
    static TextSource of(Path file, TextSettings settings) throws IOException {
        if (!Files.isRegularFile(file)) {
            throw new BadInput(file + ": no such file");
        }
        return Table.isTable(file) ? TextTable.open(file, settings) : new Lines(file);
    }

    /** Lines of plain text, without empty ones. */
    record Lines(Path file) implements TextSource {
        @Override
        public void forEach(Consumer<Sample> action) throws IOException {
            try (var in = Files.newBufferedReader(file)) {
                for (String line = in.readLine(); line != null; line = in.readLine()) {
                    if (!line.isBlank()) {
                        action.accept(new Sample(List.of(line.strip()), null, null));
                    }
                }
            } catch (CharacterCodingException e) {
                throw new BadInput(file + " is not UTF-8 text", e);
            }
        }

        @Override
        public String described() {
            return "lines";
        }
    }

    /**
     * Rows of a table.
     *
     * @param columns one with texts, or two with pairs
     */
    record TextTable(Path file, Table table, List<String> columns, Optional<String> score, Optional<String> label)
            implements TextSource {
        private static final List<String> FIRST = List.of("sentence1", "text1", "premise", "question1", "query");
        private static final List<String> SECOND = List.of("sentence2", "text2", "hypothesis", "question2", "passage");
        private static final List<String> TEXT = List.of("text", "sentence", "content", "review");
        private static final List<String> SCORE = List.of("score", "similarity_score", "similarity");
        private static final List<String> LABEL = List.of("label", "class", "labels", "category");

        static TextTable open(Path file, TextSettings settings) throws IOException {
            var table = Table.open(file);
            boolean single = settings.text().isPresent();
            var first = settings.first().map(table::require).or(() -> single ? Optional.empty() : table.first(FIRST));
            var second =
                    settings.second().map(table::require).or(() -> single ? Optional.empty() : table.first(SECOND));
            if (first.isPresent() && second.isPresent()) {
                return new TextTable(
                        file,
                        table,
                        List.of(first.get(), second.get()),
                        settings.score().map(table::require).or(() -> table.first(SCORE)),
                        label(table, settings));
            }
            var text = settings.text()
                    .map(table::require)
                    .or(() -> table.first(TEXT))
                    .orElseThrow(() -> new BadInput(file
                            + " has no column called text, nor sentence1 and sentence2, or similar: name it with "
                            + "--text-column, or two with --pair; there are " + String.join(", ", table.columns())));
            return new TextTable(file, table, List.of(text), Optional.empty(), label(table, settings));
        }

        private static Optional<String> label(Table table, TextSettings settings) {
            return settings.label().map(table::require).or(() -> table.first(LABEL));
        }

        @Override
        public void forEach(Consumer<Sample> action) throws IOException {
            int[] rows = {0};
            table.forEach(row -> {
                rows[0]++;
                action.accept(new Sample(
                        columns.stream().map(row::get).toList(),
                        score.map(row::get).map(text -> number(text, rows[0])).orElse(null),
                        label.map(row::get).orElse(null)));
            });
        }

        private float number(String text, int row) {
            try {
                float value = Float.parseFloat(text);
                if (Float.isFinite(value)) {
                    return value;
                }
            } catch (NumberFormatException _) {
                // Told below, as what is no finite number.
            }
            throw new BadInput("%s: row %d has the score '%s', which is not a number".formatted(file, row, text));
        }

        @Override
        public String described() {
            return columns.size() == 1
                    ? "texts of column " + columns.getFirst()
                    : "pairs of columns " + String.join(" and ", columns)
                            + score.map(name -> ", scores of column " + name).orElse("");
        }
    }
}
