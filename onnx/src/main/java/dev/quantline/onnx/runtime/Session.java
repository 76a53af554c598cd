package dev.quantline.onnx.runtime;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxValue;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Function;

/** A model loaded into ONNX Runtime. Not thread-safe: closing frees native memory. */
public final class Session implements AutoCloseable {
    /** An error comes as an exception; in ONNX Runtime's log on standard error, names of the model could steer a terminal. */
    private static final OrtEnvironment ENVIRONMENT =
            OrtEnvironment.getEnvironment(OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL);

    /** Above this many bytes, ONNX Runtime reads constants in place instead of from a serialized copy. */
    private static final long LARGEST_COPIED = 256L << 20;
    /** Smaller constants are always serialized. */
    private static final int SMALLEST_SHARED = 1 << 10;
    /** Kernels read numbers of this many bytes at once. */
    private static final int ALIGNMENT = 8;

    private final OrtSession session;
    private final OrtSession.RunOptions options;
    private final List<OnnxTensor> constants;
    private final Set<String> outputs;

    private Session(OrtSession session, List<OnnxTensor> constants) throws OrtException {
        this.session = session;
        this.constants = constants;
        options = NativeCalls.open();
        outputs = new LinkedHashSet<>(session.getOutputNames());
        session.getOutputInfo().forEach((name, output) -> {
            if (!(output.getInfo() instanceof TensorInfo tensor) || tensor.type == OnnxJavaType.STRING) {
                outputs.remove(name);
            }
        });
    }

    /** How much ONNX Runtime may change the graph that it loads. */
    public enum Optimization {
        /** As written. */
        NONE(OrtSession.SessionOptions.OptLevel.NO_OPT),
        /** Rewrites that keep standard operators. */
        BASIC(OrtSession.SessionOptions.OptLevel.BASIC_OPT),
        /**
         * Everything that leaves the arithmetic exact: products of quantized tensors are products of the floats that they represent.
         * Integer kernels would add two products in 16 bits on x86 processors without VNNI, and saturate.
         */
        EXACT(OrtSession.SessionOptions.OptLevel.ALL_OPT),
        /** Everything, including integer kernels, as users run it. */
        ALL(OrtSession.SessionOptions.OptLevel.ALL_OPT);

        private final OrtSession.SessionOptions.OptLevel level;

        Optimization(OrtSession.SessionOptions.OptLevel level) {
            this.level = level;
        }
    }

    /**
     * Loads a graph. Threads of ONNX Runtime sleep at the end of a run instead of spinning, because Java needs the cores between
     * runs.
     *
     * @throws BadInput      with the words of ONNX Runtime if it rejects the model
     * @throws ProcessEnding if it fails because the process is ending, here and wherever a model is loaded or run
     */
    public static Session open(Graph graph, Provider provider, Optimization optimization) {
        return open(graph, provider, optimization, LARGEST_COPIED);
    }

    /** @param largestCopied bytes of constants above which they are not copied */
    static Session open(Graph graph, Provider provider, Optimization optimization, long largestCopied) {
        var shared = shared(graph, largestCopied);
        var bytes = graph.toProtoWithout(shared.keySet()).toByteArray();
        var constants = new ArrayList<OnnxTensor>();
        var session = open(provider, optimization, constants, options -> {
            options.addConfigEntry("session.force_spinning_stop", "1");
            if (!shared.isEmpty()) {
                options.addExternalInitializers(new LinkedHashMap<>(wrap(shared, constants)));
            }
            return ENVIRONMENT.createSession(bytes, options);
        });
        // Kernels have packed the weights by now.
        shared.values().forEach(Tensor::unload);
        return session;
    }

    private static Map<String, Tensor> shared(Graph graph, long largestCopied) {
        var large = new LinkedHashMap<String, Tensor>();
        graph.initializers().forEach((name, tensor) -> {
            if (tensor.data().capacity() >= SMALLEST_SHARED) {
                large.put(name, tensor);
            }
        });
        return large.values().stream()
                                .mapToLong(tensor -> tensor.data().capacity())
                                .sum()
                        > largestCopied
                ? large
                : Map.of();
    }

    /**
     * Loads a file as its user would; external tensors are read from the same folder.
     *
     * @throws BadInput with the words of ONNX Runtime if it rejects the model; if external data is outside the model's folder
     */
    public static Session open(Path file, Provider provider, Optimization optimization) {
        checkPlaces(file);
        return open(provider, optimization, List.of(), options -> ENVIRONMENT.createSession(file.toString(), options));
    }

    /**
     * Writes the graph that ONNX Runtime makes of a file at its highest optimization level: what really runs.
     *
     * @param target file for the graph; its large constants go to a file beside it
     * @throws BadInput like {@link #open(Path, Provider, Optimization)}
     */
    public static void writeOptimized(Path file, Provider provider, Path target) {
        checkPlaces(file);
        open(provider, Optimization.ALL, List.of(), options -> {
                    options.setOptimizedModelFilePath(target.toString());
                    options.addConfigEntry(
                            "session.optimized_model_external_initializers_file_name", target.getFileName() + ".data");
                    options.addConfigEntry("session.optimized_model_external_initializers_min_size_in_bytes", "1024");
                    return ENVIRONMENT.createSession(file.toString(), options);
                })
                .close();
    }

    /** Checks paths of external data, because ONNX Runtime opens any path that a model names. */
    private static void checkPlaces(Path file) {
        try {
            ModelFile.externalFiles(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private interface Loader {
        OrtSession load(OrtSession.SessionOptions options) throws OrtException;
    }

    /** @param constants what the session reads while it is open, filled by the loader */
    private static Session open(
            Provider provider, Optimization optimization, List<OnnxTensor> constants, Loader loader) {
        try (var options = new OrtSession.SessionOptions()) {
            options.setOptimizationLevel(optimization.level);
            if (optimization == Optimization.EXACT) {
                options.addConfigEntry("session.disable_quant_qdq", "1");
            }
            provider.addTo(options);
            return new Session(NativeCalls.make(() -> loader.load(options)), constants);
        } catch (OrtException e) {
            close(constants);
            throw ProcessEnding.or(new BadInput("ONNX Runtime rejects the model: " + e.getMessage(), e));
        }
    }

    /**
     * The version of ONNX Runtime, as its native library states it.
     *
     * @throws LinkageError if the library cannot be loaded
     */
    public static String version() {
        return ENVIRONMENT.getVersion();
    }

    /** Input names in the model's order. */
    public Set<String> inputs() {
        return session.getInputNames();
    }

    /** Names of the outputs that are tensors of numbers, in the model's order; strings, sequences and maps are left out. */
    public Set<String> outputs() {
        return outputs;
    }

    /** Runs the model and returns copies of all {@link #outputs} by name. */
    public Map<String, Tensor> run(Map<String, Tensor> inputs) {
        return run(inputs, outputs());
    }

    /**
     * Runs the part of the model that the {@code wanted} outputs need; nothing if none are wanted, which ONNX Runtime would
     * reject.
     *
     * @param inputs by name; others than the model's are ignored
     * @throws BadInput if the inputs do not fit the model
     */
    public Map<String, Tensor> run(Map<String, Tensor> inputs, Collection<String> wanted) {
        return wanted.isEmpty()
                ? Map.of()
                : run(inputs, wanted, result -> {
                    var outputs = new LinkedHashMap<String, Tensor>();
                    for (String name : wanted) {
                        outputs.put(name, tensor(name, result.get(name).orElseThrow()));
                    }
                    return outputs;
                });
    }

    /**
     * Runs the part of the model that the {@code wanted} outputs need, and maps each output while the others are still in ONNX
     * Runtime's memory: Java holds only as many at once as there are threads.
     *
     * @param action receives the name and a copy of one output; called in parallel
     * @return its results, in the order of {@code wanted}
     * @throws BadInput if the inputs do not fit the model
     */
    public <T> List<T> run(Map<String, Tensor> inputs, List<String> wanted, BiFunction<String, Tensor, T> action) {
        return run(
                inputs,
                wanted,
                result -> wanted.parallelStream()
                        .map(name ->
                                action.apply(name, tensor(name, result.get(name).orElseThrow())))
                        .toList());
    }

    private <T> T run(Map<String, Tensor> inputs, Collection<String> wanted, Function<OrtSession.Result, T> taken) {
        var opened = new ArrayList<OnnxTensor>();
        try {
            var feed = feed(inputs, opened);
            return NativeCalls.make(() -> {
                try (var result = session.run(feed, new LinkedHashSet<>(wanted), options)) {
                    return taken.apply(result);
                }
            });
        } catch (OrtException e) {
            throw ProcessEnding.or(
                    new BadInput("ONNX Runtime cannot run the model on this data: " + e.getMessage(), e));
        } finally {
            close(opened);
        }
    }

    /**
     * Runs the model and writes results into memory owned by the caller.
     *
     * @param results output tensors by name, direct buffers of the right type and shape, which are overwritten
     * @throws BadInput                 if inputs or results do not fit the model
     * @throws IllegalArgumentException naming a result that is not in direct memory, aligned to 8 bytes
     */
    public void runInto(Map<String, Tensor> inputs, Map<String, Tensor> results) {
        results.forEach((name, tensor) -> {
            if (!isReadInPlace(tensor.data())) {
                throw new IllegalArgumentException(
                        "'" + name + "' is not in direct, aligned memory, to which ONNX Runtime can write");
            }
        });
        var opened = new ArrayList<OnnxTensor>();
        try {
            var feed = feed(inputs, opened);
            var targets = wrap(results, opened);
            NativeCalls.make(() -> {
                session.run(feed, Set.of(), targets, options).close();
                return null;
            });
        } catch (OrtException e) {
            throw ProcessEnding.or(
                    new BadInput("ONNX Runtime cannot run the model on this data: " + e.getMessage(), e));
        } finally {
            close(opened);
        }
    }

    private Map<String, OnnxTensor> feed(Map<String, Tensor> inputs, List<OnnxTensor> opened) throws OrtException {
        var feed = new LinkedHashMap<String, Tensor>();
        for (String name : session.getInputNames()) {
            if (!inputs.containsKey(name)) {
                throw new BadInput(
                        "input '" + name + "' of the model is missing; the given ones are " + inputs.keySet());
            }
            feed.put(name, inputs.get(name));
        }
        return wrap(feed, opened);
    }

    private static Map<String, OnnxTensor> wrap(Map<String, Tensor> tensors, List<OnnxTensor> opened)
            throws OrtException {
        var wrapped = new LinkedHashMap<String, OnnxTensor>();
        for (var entry : tensors.entrySet()) {
            var tensor = entry.getValue();
            var onnx = OnnxTensor.createTensor(
                    ENVIRONMENT, direct(tensor.data()), tensor.shape(), javaType(tensor.type()));
            opened.add(onnx);
            wrapped.put(entry.getKey(), onnx);
        }
        return wrapped;
    }

    private static boolean isReadInPlace(ByteBuffer data) {
        return data.isDirect() && data.alignmentOffset(0, ALIGNMENT) == 0;
    }

    private static ByteBuffer direct(ByteBuffer data) {
        return isReadInPlace(data)
                ? data
                : ByteBuffer.allocateDirect(data.remaining())
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .put(data)
                        .flip();
    }

    private static Tensor tensor(String name, OnnxValue value) {
        if (!(value instanceof OnnxTensor tensor)
                || tensor.getInfo().onnxType == TensorInfo.OnnxTensorType.ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING) {
            throw new BadInput(
                    "output '" + name + "' of the model is not a tensor of numbers: remove it from the model");
        }
        var type =
                DataType.valueOf(tensor.getInfo().onnxType.name().substring("ONNX_TENSOR_ELEMENT_DATA_TYPE_".length()));
        return new Tensor(type, tensor.getInfo().getShape(), tensor.getByteBuffer());
    }

    private static OnnxJavaType javaType(DataType type) {
        return switch (type) {
            case FLOAT -> OnnxJavaType.FLOAT;
            case DOUBLE -> OnnxJavaType.DOUBLE;
            case FLOAT16 -> OnnxJavaType.FLOAT16;
            case BFLOAT16 -> OnnxJavaType.BFLOAT16;
            case INT8 -> OnnxJavaType.INT8;
            case UINT8 -> OnnxJavaType.UINT8;
            case INT16 -> OnnxJavaType.INT16;
            case INT32 -> OnnxJavaType.INT32;
            case INT64 -> OnnxJavaType.INT64;
            case BOOL -> OnnxJavaType.BOOL;
            default -> throw new BadInput("ONNX Runtime's Java interface does not support " + type + " tensors");
        };
    }

    private static void close(List<OnnxTensor> opened) {
        opened.forEach(OnnxTensor::close);
    }

    @Override
    public void close() {
        try {
            NativeCalls.close(options);
            session.close();
            close(constants);
        } catch (OrtException e) {
            throw new IllegalStateException("ONNX Runtime cannot close a session", e);
        }
    }
}
