package dev.quantline.onnx.runtime;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ClosestName;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Limit;
import dev.quantline.onnx.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Samples stored in one or several {@code .npz} files: one array per model input with the samples on the first axis, plus
 * {@code labels}, {@code scores} and {@code targets}, of which a sample may have any number. Files of one set may differ in
 * the other axes (sequence length). Arrays may also be constants, the same for all samples and in all files.
 */
public final class Dataset implements AutoCloseable {
    /** Arrays that are not model inputs. */
    public static final Set<String> TARGETS = Set.of("labels", "scores", "targets");

    private final List<Npz> files;
    private final List<Path> paths;
    private final Set<String> constants;

    private Dataset(List<Npz> files, List<Path> paths, Set<String> constants) {
        this.files = files;
        this.paths = paths;
        this.constants = constants;
    }

    /** Some samples: {@code arrays} by name, whose first axes all have length {@code size}, unless a model has them on other axes. */
    public record Batch(int first, int size, Map<String, Tensor> arrays) {}

    /**
     * Opens the files.
     *
     * @throws BadInput if a file is unreadable, has no samples, has arrays of different lengths, or lacks an array of
     *     the first file
     */
    public static Dataset open(List<Path> paths) throws IOException {
        return open(paths, Set.of());
    }

    /**
     * The same for a model, whose inputs determine which arrays are constants.
     *
     * @param stated batch axes of inputs, as far as stated
     * @throws BadInput as above, and if an axis is stated for an input that the model does not have
     */
    public static Dataset open(List<Path> paths, Graph model, Map<String, BatchAxis> stated) throws IOException {
        return open(paths, paths.isEmpty() ? Set.of() : Feeding.constants(paths.getFirst(), model, stated));
    }

    private static Dataset open(List<Path> paths, Set<String> constants) throws IOException {
        if (paths.isEmpty()) {
            throw new BadInput("the data set has no files");
        }
        var files = new ArrayList<Npz>();
        var dataset = new Dataset(files, paths, constants);
        try {
            long samples = 0;
            for (var path : paths) {
                files.add(Npz.open(path));
                samples += dataset.check(files.getLast(), path);
                if (samples > Limit.SAMPLES.value()) {
                    throw new BadInput("%s brings the data set to %d samples: %s"
                            .formatted(path.getFileName(), samples, Limit.SAMPLES.words()));
                }
            }
            return dataset;
        } catch (RuntimeException | IOException e) {
            dataset.close();
            throw e;
        }
    }

    /** How many samples the file has. */
    private long check(Npz file, Path path) {
        if (!file.headers().keySet().equals(files.getFirst().headers().keySet())) {
            throw new BadInput(path.getFileName() + " has the arrays "
                    + file.headers().keySet() + ", but " + paths.getFirst().getFileName() + " has "
                    + files.getFirst().headers().keySet());
        }
        if (names(file).isEmpty()) {
            throw new BadInput(path.getFileName() + " has no input arrays with samples; constant for all samples are "
                    + constants);
        }
        long rows = rows(file);
        if (rows == 0) {
            throw new BadInput(
                    path.getFileName() + ": array '" + names(file).iterator().next() + "' has no samples");
        }
        for (String name : names(file)) {
            if (file.headers().get(name).rows() != rows) {
                throw new BadInput(path.getFileName() + ": array '" + name + "' has "
                        + file.headers().get(name).rows() + " samples, but '"
                        + names(file).iterator().next() + "' has " + rows + ": " + Feeding.advice(name));
            }
        }
        checkTarget(file, path, "labels", rows, "one per sample; an array with several must be named targets");
        checkTarget(file, path, "scores", rows / 2, "one per pair of samples");
        var targets = file.headers().get("targets");
        if (targets != null && targets.rows() != rows) {
            throw new BadInput(path.getFileName() + ": array 'targets' has " + targets.rows() + " rows, but there are "
                    + rows + " samples");
        }
        return rows;
    }

    private static void checkTarget(Npz file, Path path, String name, long wanted, String rule) {
        var header = file.headers().get(name);
        if (header != null && (header.rows() != wanted || Tensor.count(header.shape()) != wanted)) {
            throw new BadInput(path.getFileName() + ": array '" + name + "' has the shape "
                    + Arrays.toString(header.shape()) + ", but it must have " + wanted + " numbers, " + rule);
        }
    }

    /** Names of the arrays with samples. */
    private Set<String> names(Npz file) {
        return file.headers().keySet().stream()
                .filter(name -> !TARGETS.contains(name) && !constants.contains(name))
                .collect(Collectors.toCollection(LinkedHashSet::new));
    }

    private int rows(Npz file) {
        return Math.toIntExact(file.headers().get(names(file).iterator().next()).rows());
    }

    /** Names of the input arrays, constants included. */
    public Set<String> names() {
        var all = new LinkedHashSet<>(files.getFirst().headers().keySet());
        all.removeAll(TARGETS);
        return all;
    }

    /** Whether an array is the same for all samples. */
    public boolean isConstant(String name) {
        return constants.contains(name);
    }

    /** Element type of an array in the first file. */
    DataType type(String name) {
        return files.getFirst().headers().get(name).type();
    }

    /** Shape of an array in the first file, including the samples. */
    long[] shape(String name) {
        return files.getFirst().headers().get(name).shape().clone();
    }

    /**
     * Reads a constant.
     *
     * @param rank its number of axes; if there is one more, all entries along the first must be equal
     * @throws BadInput if entries or files differ
     */
    Tensor constant(String name, int rank) throws IOException {
        Tensor value = null;
        for (var file : files) {
            var array = file.read(name);
            boolean repeated = rank >= 0 && array.rank() == rank + 1 && array.dim(0) > 0;
            for (int i = 0; i < (repeated ? array.dim(0) : 1); i++) {
                var shape = array.shape();
                var entry = repeated ? array.rows(i, i + 1).reshape(Arrays.copyOfRange(shape, 1, shape.length)) : array;
                if (value != null && !value.equals(entry)) {
                    throw new BadInput("array '" + name + "' has several values, but the model's input '" + name
                            + "' takes one for all samples: keep only one");
                }
                value = entry;
            }
        }
        return value;
    }

    /** Whether the data set has this array, targets included. */
    public boolean has(String name) {
        return files.getFirst().headers().containsKey(name);
    }

    /** Number of samples in all files. */
    public int size() {
        return files.stream().mapToInt(this::rows).sum();
    }

    /**
     * Reads a whole target array (labels, scores) of all files, as floats.
     *
     * @throws BadInput if it is missing or contains NaN or infinity
     */
    public float[] target(String name) throws IOException {
        if (!has(name)) {
            throw new BadInput(paths.getFirst().getFileName() + " has no array '" + name + "': "
                    + ClosestName.hint(name, files.getFirst().headers().keySet()));
        }
        var parts = new ArrayList<float[]>();
        for (var file : files) {
            try (var rows = file.rows(name)) {
                parts.add(rows.next(Math.toIntExact(file.headers().get(name).rows()), true)
                        .toFloats());
            }
        }
        var all = new float[parts.stream().mapToInt(part -> part.length).sum()];
        int at = 0;
        for (var part : parts) {
            System.arraycopy(part, 0, all, at, part.length);
            at += part.length;
        }
        for (float value : all) {
            if (!Float.isFinite(value)) {
                throw new BadInput(paths.getFirst().getFileName() + ": array '" + name + "' contains " + value);
            }
        }
        return all;
    }

    /**
     * Opens the first of these arrays that the data set has.
     *
     * @throws BadInput if it has none of them
     */
    public Targets targets(String... names) {
        String name = Arrays.stream(names)
                .filter(this::has)
                .findFirst()
                .orElseThrow(() -> new BadInput(paths.getFirst().getFileName() + " has no array '"
                        + String.join("' or '", names) + "': "
                        + ClosestName.hint(names[0], files.getFirst().headers().keySet())));
        var mask = files.getFirst().headers().get(Samples.MASK);
        return new Targets(files, name, mask != null && mask.shape().length == 2 ? mask.shape()[1] : -1);
    }

    /**
     * Passes on samples {@code from} to {@code to} (exclusive) in order, at most {@code size} at a time; a batch never
     * spans two files. Only one batch is in memory.
     */
    public void forEachBatch(int from, int to, int size, Consumer<Batch> action) {
        int first = 0;
        for (var file : files) {
            int rows = rows(file);
            int begin = Math.max(from, first);
            int end = Math.min(to, first + rows);
            if (begin < end) {
                read(file, first, begin, end, size, action);
            }
            first += rows;
        }
    }

    /** The first sample of each batch when all samples are passed on, in order. */
    public IntStream starts(int size) {
        var starts = IntStream.builder();
        int first = 0;
        for (var file : files) {
            for (int at = 0; at < rows(file); at += size) {
                starts.add(first + at);
            }
            first += rows(file);
        }
        return starts.build();
    }

    private void read(Npz file, int first, int begin, int end, int size, Consumer<Batch> action) {
        var cursors = new LinkedHashMap<String, Npz.Rows>();
        try {
            for (String name : names(file)) {
                cursors.put(name, file.rows(name));
                cursors.get(name).skip(begin - first);
            }
            for (int at = begin; at < end; at += size) {
                int rows = Math.min(size, end - at);
                var arrays = new LinkedHashMap<String, Tensor>();
                for (var cursor : cursors.entrySet()) {
                    arrays.put(cursor.getKey(), cursor.getValue().next(rows, at + rows == first + rows(file)));
                }
                action.accept(new Batch(at, rows, arrays));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            cursors.values().forEach(Dataset::close);
        }
    }

    private static void close(AutoCloseable resource) {
        try {
            resource.close();
        } catch (Exception e) {
            throw new IllegalStateException("cannot close a data file", e);
        }
    }

    @Override
    public void close() throws IOException {
        files.forEach(Dataset::close);
    }
}
