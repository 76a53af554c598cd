package dev.quantline.calibrate;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.runtime.Provider;
import dev.quantline.runtime.Session;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * What a quantizer does to the outputs of the layers that read the quantized tensor: the criterion that counts. The
 * layers run alone, on captured inputs.
 */
final class ConsumerError implements AutoCloseable {
    private final Session session;
    private final List<Map<String, Tensor>> feeds = new ArrayList<>();
    private final List<Map<String, Tensor>> references = new ArrayList<>();

    /** @param consumers MatMul, Gemm or Conv nodes; every input of theirs must be captured or constant */
    ConsumerError(Graph model, List<Node> consumers, Captured captured, Provider provider) {
        var layers = Graph.empty(model.opset());
        var inputs = new LinkedHashSet<String>();
        for (var node : consumers) {
            layers.nodes().add(node);
            node.inputs().stream().filter(input -> !input.isEmpty()).forEach(inputs::add);
            layers.outputs().add(ValueInfos.of(node.output(), DataType.FLOAT));
        }
        inputs.forEach(input -> layers.inputs().add(ValueInfos.of(input, DataType.FLOAT)));
        session = Session.open(layers, provider, Session.Optimization.ALL);
        for (var batch : captured.batches()) {
            var feed = new LinkedHashMap<String, Tensor>();
            inputs.forEach(input -> feed.put(input, model.initializers().getOrDefault(input, batch.get(input))));
            feeds.add(feed);
            references.add(session.run(feed));
        }
    }

    /**
     * Squared error of the outputs over their power when tensors are replaced by their quantized form.
     *
     * @param quantized what becomes of each named tensor; constants are asked for once a batch
     */
    double of(Map<String, UnaryOperator<Tensor>> quantized) {
        double noise = 0;
        double power = 0;
        for (int i = 0; i < feeds.size(); i++) {
            var feed = new LinkedHashMap<>(feeds.get(i));
            quantized.forEach((name, change) -> feed.computeIfPresent(name, (key, tensor) -> change.apply(tensor)));
            for (var output : session.run(feed).entrySet()) {
                var reference = references.get(i).get(output.getKey()).toFloats();
                var values = output.getValue().toFloats();
                for (int j = 0; j < values.length; j++) {
                    double difference = values[j] - reference[j];
                    noise += difference * difference;
                    power += (double) reference[j] * reference[j];
                }
            }
        }
        return power == 0 ? noise : noise / power;
    }

    @Override
    public void close() {
        session.close();
    }
}
