package dev.quantline.data.image;

import dev.quantline.data.Table;
import dev.quantline.onnx.BadInput;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Pictures and what they show, in an order that depends on their names alone.
 *
 * @param entries the pictures
 * @param ignored files of the folder that are none, by their names
 */
record PictureList(List<Entry> entries, int ignored) {
    private static final Pattern PICTURE = Pattern.compile("(?i).*\\.(png|jpe?g|webp)");
    private static final List<String> PATHS =
            List.of("file_name", "path", "file", "image", "filename", "filepath", "image_path");
    private static final List<String> LABELS = List.of("label", "class", "labels", "target", "category", "class_name");

    /**
     * One picture.
     *
     * @param label name of its class; null for none
     */
    record Entry(Path file, String label) {}

    /**
     * Which columns of a table to take; empty for the first that is called as such columns are.
     */
    record Columns(Optional<String> path, Optional<String> label) {}

    /** All pictures below a folder; those in sub-folders show what the outermost of these is called. */
    static PictureList ofFolder(Path folder) throws IOException {
        var entries = new ArrayList<Entry>();
        int ignored = 0;
        List<Path> files;
        try (var walk = Files.walk(folder)) {
            files = walk.filter(Files::isRegularFile)
                    .filter(file -> !isHidden(folder.relativize(file)))
                    .sorted()
                    .toList();
        }
        for (var file : files) {
            if (!PICTURE.matcher(file.getFileName().toString()).matches()) {
                ignored++;
                continue;
            }
            var inside = folder.relativize(file);
            entries.add(new Entry(
                    file, inside.getNameCount() > 1 ? inside.getName(0).toString() : null));
        }
        if (entries.stream().anyMatch(entry -> entry.label() == null)
                && entries.stream().anyMatch(entry -> entry.label() != null)) {
            throw new BadInput(
                    "%s has pictures beside its sub-folders: put all of them, or none, into sub-folders named after their classes"
                            .formatted(folder));
        }
        return new PictureList(entries, ignored);
    }

    private static boolean isHidden(Path inside) {
        for (var part : inside) {
            if (part.toString().startsWith(".")) {
                return true;
            }
        }
        return false;
    }

    /**
     * The pictures that a table names, relative to its folder.
     *
     * @throws BadInput naming the row whose picture is missing or lies outside that folder, links followed
     */
    static PictureList ofTable(Path file, Columns columns) throws IOException {
        var table = Table.open(file);
        var path = columns.path()
                .map(table::require)
                .or(() -> table.first(PATHS))
                .orElseThrow(() -> new BadInput(file + " has no column called " + PATHS.getFirst()
                        + " or similar: name it with --path-column; there are " + String.join(", ", table.columns())));
        var label = columns.label().map(table::require).or(() -> table.first(LABELS));
        var folder = file.toAbsolutePath().getParent().toRealPath();
        var inside = new HashSet<Path>();
        var entries = new ArrayList<Entry>();
        table.forEach(row -> {
            var shown = label.map(row::get).orElse(null);
            if (shown != null && shown.isEmpty()) {
                throw new BadInput(
                        "%s has nothing in column '%s' for picture '%s'".formatted(file, label.get(), row.get(path)));
            }
            entries.add(new Entry(within(file, folder, row.get(path), inside), shown));
        });
        return new PictureList(entries, 0);
    }

    private static Path within(Path table, Path folder, String name, HashSet<Path> known) {
        try {
            var file = folder.resolve(name).normalize();
            if (name.isEmpty() || !file.startsWith(folder)) {
                throw new BadInput(
                        "%s names the picture '%s', which lies outside the table's folder".formatted(table, name));
            }
            if (!known.contains(file.getParent())) {
                // Only folders are looked up for each of many pictures; a link to a file is looked at with the file.
                checkInside(table, folder, name, file.getParent().toRealPath());
                known.add(file.getParent());
            }
            if (!Files.isRegularFile(file)) {
                throw new BadInput("%s names the picture '%s', but there is no such file".formatted(table, name));
            }
            if (Files.isSymbolicLink(file)) {
                checkInside(table, folder, name, file.toRealPath());
            }
            return file;
        } catch (InvalidPathException | IOException e) {
            throw new BadInput("%s names the picture '%s', but there is no such file".formatted(table, name), e);
        }
    }

    private static void checkInside(Path table, Path folder, String name, Path real) {
        if (!real.startsWith(folder)) {
            throw new BadInput("%s names the picture '%s', which lies outside the table's folder behind a link"
                    .formatted(table, name));
        }
    }

    /** The list that a folder or a table is. */
    static PictureList of(Path source, Columns columns) throws IOException {
        // A link that the user names is followed; links below it are not.
        var list = Files.isDirectory(source)
                ? ofFolder(Files.isSymbolicLink(source) ? source.toRealPath() : source)
                : ofTable(readable(source), columns);
        if (list.entries().isEmpty()) {
            throw new BadInput(source + " has no PNG, JPEG or WebP pictures");
        }
        return list;
    }

    private static Path readable(Path source) {
        if (!Files.isRegularFile(source)) {
            throw new BadInput(source + ": no such folder or table");
        }
        if (!Table.isTable(source)) {
            throw new BadInput(source + " is neither a folder of pictures nor a table, .csv or .tsv");
        }
        return source;
    }
}
