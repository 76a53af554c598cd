package dev.quantline.onnx.runtime;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.MemoryLimit;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Function;

/** A model loaded into ONNX Runtime. Not thread-safe: closing frees native memory. */
public final class Session implements AutoCloseable {
    /** An error comes as an exception; in ONNX Runtime's log on standard error, names of the model could steer a terminal. */
    private static final OrtEnvironment ENVIRONMENT =
            OrtEnvironment.getEnvironment(OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL);

    private final OrtSession session;
    private final OrtSession.RunOptions options;
    private final Optional<LoadedWeights> weights;
    private final Set<String> inputs;
    private final Set<String> outputs;

    private Session(OrtSession session, Optional<LoadedWeights> weights) throws OrtException {
        this.session = session;
        this.weights = weights;
        options = NativeCalls.open();
        inputs = new LinkedHashSet<>(session.getInputNames());
        weights.ifPresent(given -> inputs.removeAll(given.inputs().keySet()));
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
     * runs. See {@link LoadedWeights} for what becomes of large constants.
     *
     * @throws BadInput      with the words of ONNX Runtime if it rejects the model
     * @throws ProcessEnding if it fails because the process is ending, here and wherever a model is loaded or run
     */
    public static Session open(Graph graph, Provider provider, Optimization optimization) {
        return open(graph, provider, optimization, LoadedWeights.LARGEST_COPIED);
    }

    /** @param largestCopied bytes of constants above which they are not copied */
    static Session open(Graph graph, Provider provider, Optimization optimization, long largestCopied) {
        return open(graph, provider, optimization, largestCopied, options -> {});
    }

    private static Session open(
            Graph graph, Provider provider, Optimization optimization, long largestCopied, Options more) {
        var weights = new LoadedWeights(ENVIRONMENT, graph, largestCopied);
        var bytes = weights.model();
        var session = open(provider, optimization, Optional.of(weights), options -> {
            options.addConfigEntry("session.force_spinning_stop", "1");
            more.addTo(options);
            weights.addTo(options);
            return ENVIRONMENT.createSession(bytes, options);
        });
        weights.loaded();
        return session;
    }

    /**
     * Loads a file as its user would; external tensors are read from the same folder. Above {@link MemoryLimit#WEIGHTS_IN_MEMORY}, it is
     * loaded like a graph.
     *
     * @throws BadInput with the words of ONNX Runtime if it rejects the model; if external data is outside the model's folder
     */
    public static Session open(Path file, Provider provider, Optimization optimization) {
        return open(file, provider, optimization, options -> {});
    }

    /**
     * Writes the graph that ONNX Runtime makes of a file at its highest optimization level: what really runs.
     *
     * @param target file for the graph; its large constants go to a file beside it
     * @throws BadInput like {@link #open(Path, Provider, Optimization)}
     */
    public static void writeOptimized(Path file, Provider provider, Path target) {
        open(file, provider, Optimization.ALL, options -> {
                    options.setOptimizedModelFilePath(target.toString());
                    options.addConfigEntry(
                            "session.optimized_model_external_initializers_file_name", target.getFileName() + ".data");
                    options.addConfigEntry("session.optimized_model_external_initializers_min_size_in_bytes", "1024");
                })
                .close();
    }

    /**
     * Whether a file is larger than {@link MemoryLimit#WEIGHTS_IN_MEMORY}, so that it runs more slowly here than where its user runs it.
     *
     * @throws BadInput as {@link ModelFile#externalFiles}
     */
    public static boolean leavesWeightsInFile(Path file) throws IOException {
        return ModelFile.bytes(file) > MemoryLimit.WEIGHTS_IN_MEMORY.value();
    }

    private static Session open(Path file, Provider provider, Optimization optimization, Options more) {
        try {
            // Checks the paths of external data too: ONNX Runtime opens any that a model names.
            return leavesWeightsInFile(file)
                    ? open(ModelFile.read(file), provider, optimization, LoadedWeights.LARGEST_COPIED, more)
                    : open(provider, optimization, Optional.empty(), options -> {
                        more.addTo(options);
                        return ENVIRONMENT.createSession(file.toString(), options);
                    });
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private interface Options {
        void addTo(OrtSession.SessionOptions options) throws OrtException;
    }

    private interface Loader {
        OrtSession load(OrtSession.SessionOptions options) throws OrtException;
    }

    /** @param weights what the session reads while it is open */
    private static Session open(
            Provider provider, Optimization optimization, Optional<LoadedWeights> weights, Loader loader) {
        try (var options = new OrtSession.SessionOptions()) {
            options.setOptimizationLevel(optimization.level);
            if (optimization == Optimization.EXACT) {
                options.addConfigEntry("session.disable_quant_qdq", "1");
            }
            provider.addTo(options);
            return new Session(NativeCalls.make(() -> loader.load(options)), weights);
        } catch (OrtException e) {
            weights.ifPresent(LoadedWeights::close);
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
        return inputs;
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
                        outputs.put(
                                name, OnnxTensors.tensor(name, result.get(name).orElseThrow()));
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
                        .map(name -> action.apply(
                                name, OnnxTensors.tensor(name, result.get(name).orElseThrow())))
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
            if (!OnnxTensors.isReadInPlace(tensor.data())) {
                throw new IllegalArgumentException(
                        "'" + name + "' is not in direct, aligned memory, to which ONNX Runtime can write");
            }
        });
        var opened = new ArrayList<OnnxTensor>();
        try {
            var feed = feed(inputs, opened);
            var targets = OnnxTensors.wrap(ENVIRONMENT, results, opened);
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

    private Map<String, OnnxTensor> feed(Map<String, Tensor> given, List<OnnxTensor> opened) throws OrtException {
        var own = new LinkedHashMap<String, Tensor>();
        for (String name : inputs) {
            if (!given.containsKey(name)) {
                throw new BadInput(
                        "input '" + name + "' of the model is missing; the given ones are " + given.keySet());
            }
            own.put(name, given.get(name));
        }
        var feed = OnnxTensors.wrap(ENVIRONMENT, own, opened);
        weights.ifPresent(constants -> feed.putAll(constants.inputs()));
        return feed;
    }

    private static void close(List<OnnxTensor> opened) {
        opened.forEach(OnnxTensor::close);
    }

    @Override
    public void close() {
        try {
            NativeCalls.close(options);
            session.close();
            weights.ifPresent(LoadedWeights::close);
        } catch (OrtException e) {
            throw new IllegalStateException("ONNX Runtime cannot close a session", e);
        }
    }
}
