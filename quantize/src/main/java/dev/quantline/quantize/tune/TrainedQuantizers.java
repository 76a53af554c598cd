package dev.quantline.quantize.tune;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Operators;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.pattern.Bias;
import dev.quantline.quantize.plan.FakeQuantizedWeights;
import dev.quantline.quantize.plan.QdqWriter;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Uniform;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Quantizers and biases of a subgraph: those to be trained are written over trained tensors, the others as they are. */
final class TrainedQuantizers implements QdqWriter.Realization {
    private final Subgraph subgraph;
    private final Graph model;
    private final GraphIndex index;
    private final QuantizationPlan plan;
    private final Trainables trained;
    private final RoundingRegularizer regularizer;
    private final SharedQuantizers shared;
    private final List<TrainedPart> weights = new ArrayList<>();
    private final Map<String, TrainedActivationQuantizer> activations = new HashMap<>();
    private final List<TrainedPart> biases = new ArrayList<>();

    /** @param plan plan of the whole model */
    TrainedQuantizers(
            Subgraph subgraph,
            Graph model,
            QuantizationPlan plan,
            Trainables trained,
            RoundingRegularizer regularizer) {
        this.subgraph = subgraph;
        this.model = model;
        this.plan = plan;
        this.trained = trained;
        this.regularizer = regularizer;
        index = model.index();
        shared = new SharedQuantizers(model, plan);
    }

    /** The trained parts, known once the plan is written: weights, activations, biases. */
    List<TrainedPart> parts() {
        var parts = new ArrayList<>(weights);
        parts.addAll(activations.values());
        parts.addAll(biases);
        return parts;
    }

    @Override
    public void weight(QuantizationPlan.Weight weight, Node reader, QdqWriter writer) {
        var readers = index.consumers(weight.tensor());
        boolean layer = readers.stream().allMatch(node -> Operators.LAYERS.has(node) || node.is("Add"));
        boolean moves = trained.weights() != Trainables.Weights.FIXED || trained.weightScales() || trained.affine();
        if (!moves || !layer || readers.size() != 1) {
            new FakeQuantizedWeights(model.initializers()).weight(weight, reader, writer);
            return;
        }
        var start = model.initializers().get(weight.tensor());
        String restored =
                writer.graph().addConstant(weight.tensor() + "/restored", Tensor.zeros(DataType.FLOAT, start.shape()));
        writer.read(weight.node(), weight.input(), restored);
        weights.add(new TrainedWeightQuantizer(weight, start, trained, regularizer, restored));
    }

    @Override
    public void activation(QuantizationPlan.Activation activation, String from, String to, QdqWriter writer) {
        String root = shared.rootOf(activation.tensor());
        boolean owned = root.equals(activation.tensor()) || activations.containsKey(root);
        if (trained.activationScales() && owned && TrainedActivationQuantizer.takes(activation.quantizer())) {
            activations
                    .computeIfAbsent(
                            root,
                            first -> new TrainedActivationQuantizer(
                                    root, (Uniform) activation.quantizer(), trained.zeroPoints()))
                    .add(from, to);
        } else {
            QdqWriter.Realization.super.activation(activation, from, to, writer);
        }
    }

    @Override
    public void bias(QuantizationPlan.Weight weight, Node node, QdqWriter writer) {
        if (!trained.biases() || node.floatOf("beta", 1) != 1) {
            return;
        }
        Bias.of(index, node)
                .filter(bias -> index.consumers(bias.tensor()).size() == 1
                        && subgraph.nodes().contains(bias.holder().name()))
                .ifPresent(bias -> {
                    var unit = unit(node, weight, bias.value().size());
                    if (unit != null) {
                        String sum = writer.graph().fresh(bias.tensor() + "/trained");
                        writer.read(bias.holder().name(), bias.input(), sum);
                        biases.add(new TrainedBias(bias.tensor(), bias.value(), unit, sum));
                    }
                });
    }

    /** Standard deviation of a sum over rounding errors of input and weight, up to a constant: s_x s_w sqrt(terms). */
    private float[] unit(Node node, QuantizationPlan.Weight weight, int channels) {
        var scales = weight.quantizer().scale();
        var quantizer = plan.activationOf(node.input(1 - weight.input()), node.name());
        if (scales.length != channels && scales.length != 1 || quantizer.isEmpty()) {
            return null;
        }
        double step = (quantizer.get().highest(0) - quantizer.get().lowest(0))
                / (quantizer.get().qmax() - quantizer.get().qmin());
        double terms = model.initializers().get(weight.tensor()).size() / (double) channels;
        var unit = new float[channels];
        for (int c = 0; c < channels; c++) {
            unit[c] = (float) (scales[scales.length == 1 ? 0 : c] * step * Math.sqrt(terms));
        }
        return unit;
    }
}
