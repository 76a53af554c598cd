package dev.quantline.quantize.calibrate;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.OpenResources;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.onnx.runtime.Spilling;
import dev.quantline.onnx.runtime.TensorBatches;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/**
 * The effect of a quantizer on the outputs of the layers that read the quantized tensor: the criterion that matters. The
 * layers run alone, on captured inputs. Each output channel of a linear layer counts equally, by its error relative to its
 * own power: a norm or a gain after it mostly levels channels that are hundreds of times as large as the others.
 */
final class ConsumerError implements AutoCloseable {
    private final OpenResources opened = new OpenResources();
    private final Session session;
    private final TensorBatches captured;
    private final TensorBatches references;
    private final Map<String, Tensor> constants = new LinkedHashMap<>();
    private final Set<String> linear = new HashSet<>();

    /**
     * @param consumers MatMul, Gemm or Conv nodes, all of whose inputs must be captured or constant
     * @param spilling  for their reference outputs
     */
    ConsumerError(Graph model, List<Node> consumers, TensorBatches captured, Spilling spilling, Provider provider) {
        this.captured = captured;
        var layers = Graph.empty(model.opset());
        var inputs = new LinkedHashSet<String>();
        for (var node : consumers) {
            layers.nodes().add(node);
            node.inputs().stream().filter(input -> !input.isEmpty()).forEach(inputs::add);
            layers.outputs().add(ValueInfos.of(node.output(), DataType.FLOAT));
            if (node.is("MatMul", "Gemm") && model.initializers().containsKey(node.input(1))) {
                linear.add(node.output());
            }
        }
        inputs.forEach(input -> layers.inputs().add(ValueInfos.of(input, DataType.FLOAT)));
        inputs.stream()
                .filter(model.initializers()::containsKey)
                .forEach(input -> constants.put(input, model.initializers().get(input)));
        references = opened.add(new TensorBatches(spilling), TensorBatches::close);
        session = opened.add(Session.open(layers, provider, Session.Optimization.EXACT), Session::close);
        try {
            for (int i = 0; i < captured.size(); i++) {
                references.add(session.run(feed(i)));
            }
        } catch (RuntimeException e) {
            opened.close();
            throw e;
        }
    }

    private Map<String, Tensor> feed(int batch) {
        var feed = captured.get(batch, session.inputs());
        feed.putAll(constants);
        return feed;
    }

    /**
     * Squared error of the outputs relative to their power, averaged over output channels, with tensors replaced by quantized ones.
     *
     * @param quantized the replacement of each named tensor; called once per batch, for constants too
     */
    double of(Map<String, UnaryOperator<Tensor>> quantized) {
        var sums = new LinkedHashMap<String, Sums>();
        for (int i = 0; i < captured.size(); i++) {
            var feed = feed(i);
            quantized.forEach((name, change) -> feed.computeIfPresent(name, (key, tensor) -> change.apply(tensor)));
            int batch = i;
            session.run(feed)
                    .forEach((name, values) -> sums.computeIfAbsent(
                                    name,
                                    output -> new Sums(linear.contains(output) ? values.dim(values.rank() - 1) : 1))
                            .add(references.get(batch, name).toFloats(), values.toFloats()));
        }
        return sums.values().stream().mapToDouble(Sums::error).average().orElseThrow();
    }

    /** Error and signal power of each channel of one output. */
    private record Sums(double[] noise, double[] power) {
        Sums(int channels) {
            this(new double[channels], new double[channels]);
        }

        void add(float[] reference, float[] values) {
            for (int i = 0; i < values.length; i++) {
                double difference = values[i] - reference[i];
                noise[i % noise.length] += difference * difference;
                power[i % power.length] += (double) reference[i] * reference[i];
            }
        }

        double error() {
            return IntStream.range(0, noise.length)
                    .filter(c -> power[c] > 0)
                    .mapToDouble(c -> noise[c] / power[c])
                    .average()
                    .orElseGet(() -> Arrays.stream(noise).sum());
        }
    }

    @Override
    public void close() {
        opened.close();
    }
}
