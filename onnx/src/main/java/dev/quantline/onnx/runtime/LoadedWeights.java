package dev.quantline.onnx.runtime;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.MemoryLimit;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * How the constants of a graph reach ONNX Runtime, which packs a copy of each for its kernels. Those of a small graph are written into
 * the model. Those of a larger one are read where they are, once. Beyond {@link MemoryLimit#WEIGHTS_IN_MEMORY}, they
 * are inputs, given to every run where they are: then nothing is packed, and memory holds what the operating system has room for.
 */
final class LoadedWeights implements AutoCloseable {
    /** Above this many bytes, constants are not copied into the model. */
    static final long LARGEST_COPIED = 256L << 20;
    /** Smaller constants always are. */
    private static final int SMALLEST_SHARED = 1 << 10;
    /** Smaller constants are never inputs: operators require some of their settings to be constant. */
    private static final int SMALLEST_FED = 1 << 16;

    private final OrtEnvironment environment;
    private final Graph graph;
    private final Map<String, Tensor> shared;
    private final Map<String, Tensor> fed;
    private final Map<String, OnnxTensor> inputs = new LinkedHashMap<>();
    private final List<OnnxTensor> opened = new ArrayList<>();

    /** @param largestCopied bytes of constants above which they are not copied */
    LoadedWeights(OrtEnvironment environment, Graph graph, long largestCopied) {
        this.environment = environment;
        this.graph = graph;
        fed = from(graph, SMALLEST_FED, MemoryLimit.WEIGHTS_IN_MEMORY.value());
        shared = fed.isEmpty() ? from(graph, SMALLEST_SHARED, largestCopied) : Map.of();
    }

    /** The large constants, if they are more than so many bytes together. */
    private static Map<String, Tensor> from(Graph graph, int smallest, long most) {
        var large = new LinkedHashMap<>(graph.initializers());
        large.values().removeIf(tensor -> tensor.data().capacity() < smallest || !OnnxTensors.areOf(tensor.type()));
        long bytes = large.values().stream()
                .mapToLong(tensor -> tensor.data().capacity())
                .sum();
        return bytes > most ? large : Map.of();
    }

    /** The model to load with {@link #addTo these options}. */
    byte[] model() {
        if (fed.isEmpty()) {
            return graph.toProtoWithout(shared.keySet()).toByteArray();
        }
        var open = graph.copy();
        open.inputs().removeIf(input -> fed.containsKey(input.getName()));
        fed.forEach((name, tensor) -> {
            open.initializers().remove(name);
            open.inputs().add(ValueInfos.of(name, tensor.type(), tensor.shape()));
        });
        return open.toProto().toByteArray();
    }

    void addTo(OrtSession.SessionOptions options) throws OrtException {
        if (!shared.isEmpty()) {
            options.addExternalInitializers(new LinkedHashMap<>(OnnxTensors.wrap(environment, shared, opened)));
        }
        for (var entry : fed.entrySet()) {
            var tensor = entry.getValue();
            var readable = OnnxTensors.isReadInPlace(tensor.data()) ? tensor : tensor.inFile();
            inputs.putAll(OnnxTensors.wrap(environment, Map.of(entry.getKey(), readable), opened));
        }
    }

    /** To be called when the model is loaded: kernels have packed what they were not given as inputs. */
    void loaded() {
        shared.values().forEach(Tensor::unload);
        fed.values().forEach(Tensor::unload);
    }

    /** What every run gets besides the model's own inputs. */
    Map<String, OnnxTensor> inputs() {
        return inputs;
    }

    @Override
    public void close() {
        opened.forEach(OnnxTensor::close);
    }
}
