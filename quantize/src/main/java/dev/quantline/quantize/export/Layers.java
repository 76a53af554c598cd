package dev.quantline.quantize.export;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Operators;
import dev.quantline.quantize.plan.CalibrationTable;
import dev.quantline.quantize.plan.QuantizationPlan;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** Summarises a plan layer by layer. */
final class Layers {
    private static final int FLOAT_BITS = 32;
    private static final CalibrationTable NO_TABLE = new CalibrationTable(List.of(), List.of(), List.of());

    private Layers() {}

    /**
     * Every node with quantized inputs.
     *
     * @param table  errors predicted by calibration
     * @param losses by layer and width; empty if not measured
     */
    static List<Report.Layer> of(
            Graph model, QuantizationPlan plan, CalibrationTable table, Map<String, Map<String, Double>> losses) {
        var layers = new ArrayList<Report.Layer>();
        for (var node : model.nodes()) {
            var weights = plan.weights().stream()
                    .filter(weight -> weight.node().equals(node.name()))
                    .toList();
            var activation = Operators.LAYERS.has(node) ? activation(plan, node) : null;
            if (!weights.isEmpty() || activation != null) {
                Integer weightBits = weights.isEmpty()
                        ? null
                        : weights.getFirst().quantizer().bits();
                Integer activationBits =
                        activation == null ? null : activation.quantizer().bits();
                var measured = losses.get(node.name());
                layers.add(new Report.Layer(
                        node.name(),
                        node.op(),
                        weightBits,
                        activationBits,
                        activation == null ? null : activation.quantizer().label(),
                        activation == null ? null : activation.range(),
                        weights.stream()
                                .mapToLong(weight -> model.initializers()
                                        .get(weight.tensor())
                                        .size())
                                .sum(),
                        weights.stream()
                                .mapToLong(weight -> bytes(model, weight))
                                .sum(),
                        measured == null ? null : sensitivity(measured, weightBits, activationBits),
                        weights.isEmpty()
                                ? null
                                : table.weight(node.name(), weightBits)
                                        .map(CalibrationTable.WeightCandidate::error)
                                        .orElse(null),
                        activation == null
                                ? null
                                : table.activation(activation.tensor(), activationBits)
                                        .map(CalibrationTable.ActivationCandidate::sqnrDb)
                                        .orElse(null),
                        measured));
            }
        }
        return layers;
    }

    /** Widths in a table always include activations, even for layers that read none quantized. */
    private static Double sensitivity(Map<String, Double> measured, Integer weightBits, Integer activationBits) {
        return measured.entrySet().stream()
                .filter(loss -> loss.getKey().startsWith(weightBits + "/")
                        && (activationBits == null || loss.getKey().endsWith("/" + activationBits)))
                .map(Map.Entry::getValue)
                .findFirst()
                .orElse(null);
    }

    private static long bytes(Graph model, QuantizationPlan.Weight weight) {
        int bits = weight.quantizer().bits();
        var storage = bits <= 4 ? DataType.INT4 : bits <= 8 ? DataType.INT8 : DataType.INT16;
        return storage.bytes(model.initializers().get(weight.tensor()).size());
    }

    private static QuantizationPlan.Activation activation(QuantizationPlan plan, Node node) {
        return plan.activations().stream()
                .filter(activation -> node.inputs().contains(activation.tensor())
                        && (activation.readers().isEmpty()
                                || activation.readers().contains(node.name())))
                .findFirst()
                .orElse(null);
    }

    static double weightBits(Graph model, QuantizationPlan plan) {
        double bits = 0;
        long elements = 0;
        for (var weight : plan.weights()) {
            long size = model.initializers().get(weight.tensor()).size();
            bits += (double) weight.quantizer().bits() * size;
            elements += size;
        }
        return elements == 0 ? FLOAT_BITS : bits / elements;
    }

    static double activationBits(QuantizationPlan plan) {
        return plan.activations().stream()
                .mapToInt(activation -> activation.quantizer().bits())
                .average()
                .orElse(FLOAT_BITS);
    }

    /** Number of layers per combination of widths and quantizer, for the file's metadata: {@code 12 x 4/8 uniform, 3 x 8/8 uniform}. */
    static String describe(Graph model, QuantizationPlan plan) {
        return of(model, plan, NO_TABLE, Map.of()).stream()
                .map(layer -> (layer.weightBits() == null ? "-" : layer.weightBits()) + "/"
                        + (layer.activationBits() == null ? "-" : layer.activationBits()) + " "
                        + (layer.activationQuantizer() == null ? "uniform" : layer.activationQuantizer()))
                .collect(Collectors.groupingBy(kind -> kind, TreeMap::new, Collectors.counting()))
                .entrySet()
                .stream()
                .map(kind -> kind.getValue() + " x " + kind.getKey())
                .collect(Collectors.joining(", "));
    }
}
