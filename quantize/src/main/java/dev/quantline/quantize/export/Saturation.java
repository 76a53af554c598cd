package dev.quantline.quantize.export;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.plan.CalibrationTable;
import dev.quantline.quantize.plan.IntegerProducts;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.plan.Target;
import dev.quantline.quantize.quantizer.PairLimit;
import dev.quantline.quantize.quantizer.Uniform;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Whether sums of two products fit in 16 bits, which is all that kernels have on x86 processors without VNNI, judged by the codes in a
 * file: each layer's largest activation code times the largest sum of two same-sign weight codes in an output channel.
 *
 * @param target     where the file will run
 * @param products   number of layers that integer kernels multiply in pairs
 * @param saturating names of the layers whose sums may overflow; empty if the target is every processor
 * @param narrowed   layers whose codes were limited so that the sums fit
 */
public record Saturation(String target, int products, List<String> saturating, List<Narrowed> narrowed) {
    /**
     * The cost of limiting the codes of a layer.
     *
     * @param error squared error of its weights relative to their power, each weighted by the mean square of the input
     *              that it multiplies
     * @param free  the same without the limit
     */
    public record Narrowed(String layer, double error, double free) {}

    /**
     * Examines the codes.
     *
     * @param model   the float model that the plan belongs to
     * @param written the QDQ graph of the plan
     * @param table   result of calibration, for the cost of the limits
     * @throws IllegalStateException naming a layer that may saturate although the target is every processor
     */
    static Saturation of(Graph model, Graph written, QuantizationPlan plan, CalibrationTable table, Target target) {
        var index = written.index();
        int products = 0;
        var saturating = new ArrayList<String>();
        for (var weight : plan.weights()) {
            var node = written.node(weight.node()).orElseThrow();
            var restored = index.producer(node.input(weight.input()), "DequantizeLinear");
            var codes = restored.flatMap(restore -> index.constant(restore.input(0)))
                    .orElse(null);
            if (codes == null || codes.type() != DataType.INT8 || !IntegerProducts.addPairs(node, codes)) {
                continue;
            }
            var activation =
                    plan.activationOf(model.node(weight.node()).orElseThrow().input(1 - weight.input()), weight.node());
            if (activation.orElse(null) instanceof Uniform grid && grid.bits() <= Byte.SIZE) {
                products++;
                if (largestPair(codes, restored.get(), weight.quantizer()) * ((1L << grid.bits()) - 1)
                        > Short.MAX_VALUE) {
                    saturating.add(weight.node());
                }
            }
        }
        if (target == Target.CPU && !saturating.isEmpty()) {
            throw new IllegalStateException("layers " + saturating + " may saturate without VNNI");
        }
        return new Saturation(target.label(), products, saturating, narrowed(plan, table));
    }

    /** Per output channel, or over the whole tensor if it has one scale, which leaves the output axis unknown. */
    private static long largestPair(Tensor codes, Node restore, Uniform quantizer) {
        boolean channels = quantizer.axis() != Uniform.PER_TENSOR && quantizer.block() == 0;
        int axis = channels ? (int) restore.intOf("axis", 1) : 0;
        int count = channels ? codes.dim(axis) : 1;
        int inner = 1;
        for (int i = axis + 1; channels && i < codes.rank(); i++) {
            inner *= codes.dim(i);
        }
        long worst = 0;
        for (int c = 0; c < count; c++) {
            var own = new long[codes.size() / count];
            for (int k = 0; k < own.length; k++) {
                own[k] = (long) codes.get(channels ? (k / inner * count + c) * inner + k % inner : k);
            }
            worst = Math.max(worst, PairLimit.largestPair(own));
        }
        return worst;
    }

    private static List<Narrowed> narrowed(QuantizationPlan plan, CalibrationTable table) {
        var narrowed = new ArrayList<Narrowed>();
        for (var weight : plan.weights()) {
            Optional<CalibrationTable.WeightCandidate> scales = table.weights().stream()
                    .filter(constant -> constant.node().equals(weight.node()) && constant.input() == weight.input())
                    .flatMap(constant -> constant.candidates().stream())
                    .filter(one ->
                            one.bits() == weight.quantizer().bits() && one.free() != null && one.error() != one.free())
                    .findFirst();
            scales.ifPresent(one -> narrowed.add(new Narrowed(weight.node(), one.error(), one.free())));
        }
        return narrowed;
    }
}
