package dev.quantline.quantize.calibrate;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Operators;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.quantize.linear.InputGram;
import dev.quantline.quantize.linear.LayerWeight;
import dev.quantline.quantize.plan.CalibrationTable;
import dev.quantline.quantize.plan.IntegerProducts;
import dev.quantline.quantize.plan.Placement;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.profile.TensorProfile;
import dev.quantline.quantize.quantizer.Quantizer;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.settings.Granularity;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Scales of every quantized constant at every candidate width. */
final class WeightCandidates {
    /** Largest magnitude of int32 biases, which leaves room for adding the products. */
    private static final double LARGEST_BIAS = 1 << 30;
    /** Embeddings and position tables affect the whole network, and no rounding compensates for errors in weights of float kernels. */
    private static final int FEWEST_PLAIN_BITS = 8;

    private final Graph model;
    private final Map<String, Node> nodes = new HashMap<>();
    private final Map<String, TensorProfile> profiles;
    private final QuantizationPlan activations;
    private final CalibrateSettings settings;
    private final InputGram gram;

    /** @param activations activations of the plan, whose scales the biases have to fit */
    WeightCandidates(
            Graph model,
            Map<String, TensorProfile> profiles,
            List<QuantizationPlan.Activation> activations,
            CalibrateSettings settings,
            InputGram gram) {
        this.model = model;
        this.gram = gram;
        this.profiles = profiles;
        this.activations = new QuantizationPlan(activations, List.of());
        this.settings = settings;
        model.nodes().forEach(node -> nodes.put(node.name(), node));
    }

    List<CalibrationTable.Weight> all(Placement placement, Progress progress) {
        var constants = new ArrayList<CalibrationTable.Weight>();
        for (var place : placement.weights()) {
            constants.add(constant(place));
            progress.report((double) constants.size() / placement.weights().size(), "choosing weight scales");
        }
        return constants;
    }

    private CalibrationTable.Weight constant(Placement.Weight place) {
        var tensor = model.initializers().get(place.tensor());
        var node = nodes.get(place.node());
        boolean layer = Operators.LAYERS.has(node);
        int fewest = layer ? 2 : FEWEST_PLAIN_BITS;
        var importance =
                layer ? Importance.of(node, place.input(), tensor, profiles.get(node.input(1 - place.input()))) : null;
        int block = block(node, place, tensor.rank());
        int axis =
                settings.calibrate().granularity() == Granularity.TENSOR && layer ? Uniform.PER_TENSOR : place.axis();
        var candidates = new ArrayList<CalibrationTable.WeightCandidate>();
        for (int bits : settings.widths(settings.weightBits()).stream()
                .map(width -> Math.max(fewest, width))
                .distinct()
                .toList()) {
            var free = roomForBias(node, tensor, scales(tensor, node, bits, axis, block, importance));
            double error = WeightSearch.error(tensor, free, importance);
            int limit = block > 0 ? 0 : pairLimit(node, place, tensor);
            // Narrower codes cannot reach the limit; wider ones do not run on integer kernels.
            boolean reaches = limit > 0 && bits <= Byte.SIZE && 1 << bits > limit;
            if (!reaches) {
                candidates.add(new CalibrationTable.WeightCandidate(bits, free, error, null));
            } else {
                var limited = WeightSearch.limited(tensor, free.withPairLimit(limit), importance);
                candidates.add(new CalibrationTable.WeightCandidate(
                        bits, limited, WeightSearch.error(tensor, limited, importance), error));
            }
        }
        return new CalibrationTable.Weight(place.tensor(), place.node(), place.input(), candidates);
    }

    /** Bound on the sum of a pair of codes: products with quantized activations run on integer kernels. */
    private int pairLimit(Node node, Placement.Weight place, Tensor tensor) {
        return IntegerProducts.addPairs(node, tensor)
                        && activations
                                        .activationOf(node.input(1 - place.input()), node.name())
                                        .orElse(null)
                                instanceof Uniform
                ? settings.pairLimit()
                : 0;
    }

    private Uniform scales(Tensor tensor, Node node, int bits, int axis, int block, float[] importance) {
        var product = gram.of(model, node).filter(known -> axis != Uniform.PER_TENSOR && block == 0);
        return product.isPresent()
                ? OutputSearch.choose(LayerWeight.of(model, node).orElseThrow(), bits, product.get())
                : WeightSearch.choose(
                        tensor,
                        bits,
                        axis,
                        block,
                        importance,
                        RangeCriterion.of(settings.calibrate().weights()));
    }

    private int block(Node node, Placement.Weight place, int rank) {
        boolean matrix = node.is("MatMul", "Gemm") && rank == 2 && place.axis() != Uniform.PER_TENSOR;
        return matrix ? settings.calibrate().blockSize() : 0;
    }

    /**
     * Widens the scale of nearly dead channels until their bias fits int32 at scale s_x s_w. The scale of a dead channel serves only its
     * bias, and is chosen to give the bias as many digits as fit.
     */
    private Uniform roomForBias(Node node, Tensor weight, Uniform quantizer) {
        Optional<Quantizer> input = activations.activationOf(node.input(0), node.name());
        var bias = node.hasInput(2) ? model.initializers().get(node.input(2)) : null;
        if (!node.is("Conv", "Gemm")
                || bias == null
                || quantizer.axis() == Uniform.PER_TENSOR
                || quantizer.block() > 0
                || !(input.orElse(null) instanceof Uniform grid)) {
            return quantizer;
        }
        var b = bias.toFloats();
        var scale = quantizer.scale().clone();
        var values = weight.floats();
        var alive = new boolean[scale.length];
        int[] channel = quantizer.scaleIndex(weight.shape());
        for (int i = 0; i < channel.length; i++) {
            alive[channel[i]] |= quantizer.quantize(values.get(i), channel[i]) != 0;
        }
        for (int c = 0; c < scale.length && c < b.length; c++) {
            double fits = Math.abs(b[c]) / (LARGEST_BIAS * grid.scale()[0]);
            scale[c] = (float) Math.clamp(
                    alive[c] || b[c] == 0 ? Math.max(scale[c], fits) : fits, Float.MIN_NORMAL, Float.MAX_VALUE);
        }
        return quantizer.withScale(scale);
    }
}
