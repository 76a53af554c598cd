package dev.quantline.bench.robustness;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import java.util.zip.ZipOutputStream;

/**
 * Makes {@code .npz} files wrong in what their headers, sizes and directories say. The archive is taken apart, some of its arrays are
 * changed, it is put together again, and sometimes what the zip file says of itself is overwritten. Pure: equal choices make equal files.
 */
final class ArchiveMutator {
    private static final int MOST_EDITS = 3;
    /** Magic, version and the length of the header of NumPy's format 1. */
    private static final int START = 10;

    private static final List<String> TYPES =
            List.of("<f4", ">f4", "<f8", "<f2", "|u1", "|i1", "<i8", "<u8", "|b1", "|O", "<U5", "<c8", "", "<f3");
    private static final List<String> SHAPES = List.of(
            "()",
            "(0,)",
            "(1,)",
            "(4,)",
            "(4, 0)",
            "(0, 4)",
            "(2, 2)",
            "(4, 2)",
            "(-1,)",
            "(2147483647,)",
            "(2147483648,)",
            "(4, 1000000000000)",
            "(99999999, 99999999, 99999999)",
            "(9223372036854775807,)",
            "(00000000000000000004,)",
            "(4",
            "4",
            "(4,,)",
            "(4.0,)",
            "(, 4)",
            "(" + "1, ".repeat(2000) + ")",
            "(4\n)");
    private static final List<String> NAMES = List.of(
            "x.npy",
            "labels.npy",
            "scores.npy",
            "targets.npy",
            ".npy",
            "readme.txt",
            "../" + Sandbox.CANARY + ".npy",
            "/etc/x.npy",
            "a/b/",
            "\u001b[31m.npy",
            "n".repeat(3000) + ".npy");
    private static final int[] NUMBERS = {
        0, 1, 2, 127, 128, 255, 256, 65535, 65536, 1 << 20, Integer.MAX_VALUE, Integer.MIN_VALUE, -1
    };

    /** Signatures of the parts of a zip file, and where in each of them stands what is overwritten, in bytes. */
    private record Part(String signature, List<Integer> shorts, List<Integer> ints) {}

    private static final List<Part> PARTS = List.of(
            new Part("PK\3\4", List.of(4, 6, 8, 26, 28), List.of(14, 18, 22)),
            new Part("PK\1\2", List.of(6, 8, 10, 28, 30, 32), List.of(16, 20, 24, 42)),
            new Part("PK\5\6", List.of(4, 6, 8, 10, 20), List.of(12, 16)));

    private record Entry(String name, byte[] content) {}

    private final Choices choices;
    private final List<Entry> entries;

    private ArchiveMutator(List<Entry> entries, Choices choices) {
        this.entries = entries;
        this.choices = choices;
    }

    /** The archive with one to three things wrong. */
    static byte[] mutated(byte[] archive, Choices choices) {
        try {
            var mutator = new ArchiveMutator(entries(archive), choices);
            int edits = 1 + choices.below(MOST_EDITS);
            for (int i = 0; i < edits; i++) {
                mutator.editEntry();
            }
            return mutator.overwritten(mutator.zip());
        } catch (IOException e) {
            throw new UncheckedIOException("in memory", e);
        }
    }

    private static List<Entry> entries(byte[] archive) throws IOException {
        var entries = new ArrayList<Entry>();
        try (var zip = new ZipInputStream(new ByteArrayInputStream(archive))) {
            for (var entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                entries.add(new Entry(entry.getName(), zip.readAllBytes()));
            }
        }
        return entries;
    }

    private void editEntry() {
        if (entries.isEmpty()) {
            return;
        }
        int at = choices.below(entries.size());
        var entry = entries.get(at);
        switch (choices.below(9)) {
            case 0, 1 ->
                entries.set(at, header(entry, "'shape': *[^']*?, }", "'shape': " + choices.of(SHAPES) + ", }"));
            case 2 -> entries.set(at, header(entry, "'descr': '[^']*'", "'descr': '" + choices.of(TYPES) + "'"));
            case 3 -> entries.set(at, header(entry, "False", choices.of(List.of("True", "false", "None"))));
            case 4 ->
                entries.set(
                        at, header(entry, "'(descr|shape|fortran_order)'", choices.of(List.of("", "'shape'", "'x'"))));
            case 5 -> entries.set(at, new Entry(entry.name, resized(entry.content)));
            case 6 -> entries.set(at, new Entry(entry.name, start(entry.content)));
            case 7 -> entries.set(at, new Entry(choices.of(NAMES), entry.content));
            default -> {
                if (choices.below(2) == 0) {
                    entries.remove(at);
                } else {
                    entries.add(new Entry(choices.of(NAMES), entry.content));
                }
            }
        }
    }

    /** The dictionary of an array's header with something else in it, as long as it was where there is room. */
    private static Entry header(Entry entry, String what, String by) {
        if (entry.content.length < START) {
            return entry;
        }
        int length = Math.min(
                entry.content.length - START,
                Short.toUnsignedInt(shorts(entry.content).getShort(8)));
        var text = new String(entry.content, START, length, StandardCharsets.ISO_8859_1).replaceFirst(what, by);
        var header = (text.strip()
                        + " ".repeat(Math.max(0, length - text.strip().length() - 1)) + "\n")
                .getBytes(StandardCharsets.ISO_8859_1);
        var content = ByteBuffer.allocate(START + header.length + entry.content.length - START - length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(entry.content, 0, START)
                .put(header)
                .put(entry.content, START + length, entry.content.length - START - length);
        return new Entry(entry.name, content.putShort(8, (short) header.length).array());
    }

    private static ByteBuffer shorts(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private byte[] resized(byte[] content) {
        return Arrays.copyOf(
                content,
                choices.below(2) == 0 ? choices.below(content.length + 1) : content.length + 1 + choices.below(64));
    }

    /** One of the first bytes: the magic number, the version, the length of the header. */
    private byte[] start(byte[] content) {
        var changed = content.clone();
        if (changed.length >= START) {
            changed[choices.below(START)] = (byte) choices.below(256);
        }
        return changed;
    }

    private byte[] zip() throws IOException {
        var bytes = new ByteArrayOutputStream();
        var names = new ArrayList<String>();
        try (var zip = new ZipOutputStream(bytes)) {
            zip.setLevel(choices.below(2) == 0 ? Deflater.NO_COMPRESSION : Deflater.BEST_SPEED);
            for (var entry : entries) {
                if (!names.contains(entry.name)) {
                    names.add(entry.name);
                    var written = new ZipEntry(entry.name);
                    written.setTime(0);
                    zip.putNextEntry(written);
                    zip.write(entry.content);
                }
            }
        }
        return bytes.toByteArray();
    }

    /** Half of the time the zip file lies about itself, is cut short, or an array stands in it twice. */
    private byte[] overwritten(byte[] zip) {
        return switch (choices.below(10)) {
            case 0 -> Arrays.copyOf(zip, choices.below(zip.length + 1));
            case 1 ->
                new String(zip, StandardCharsets.ISO_8859_1)
                        .replace("labels.npy", "scores.npy")
                        .getBytes(StandardCharsets.ISO_8859_1);
            case 2, 3, 4 -> part(zip);
            default -> zip;
        };
    }

    private byte[] part(byte[] zip) {
        var part = choices.of(PARTS);
        int at = new String(zip, StandardCharsets.ISO_8859_1).indexOf(part.signature);
        var bytes = shorts(zip);
        int number = NUMBERS[choices.below(NUMBERS.length)];
        if (at < 0) {
            return zip;
        }
        if (choices.below(2) == 0) {
            bytes.putShort(at + choices.of(part.shorts), (short) number);
        } else {
            bytes.putInt(at + choices.of(part.ints), number);
        }
        return zip;
    }
}
