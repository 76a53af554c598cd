package dev.quantline.quantize.calibrate;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Operators;
import dev.quantline.quantize.plan.Placement;
import dev.quantline.quantize.profile.TensorProfile;
import dev.quantline.quantize.quantizer.Codebook;
import dev.quantline.quantize.quantizer.Logarithmic;
import dev.quantline.quantize.quantizer.Quantizer;
import dev.quantline.quantize.settings.SoftmaxQuantizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Chooses quantizers of activations, either from the histogram alone or by the error of the layers that read them. */
final class ActivationQuantizerSearch {
    private final Graph model;
    private final Measurements measured;
    private final CalibrateSettings settings;

    ActivationQuantizerSearch(Measurements measured) {
        this.measured = measured;
        model = measured.model();
        settings = measured.settings();
    }

    /** A chosen quantizer, the criterion that chose it, and the error of the consumers, null if not measured. */
    record Chosen(Quantizer quantizer, String range, Double error) {}

    /** The quantizer of one activation at each width. */
    Map<Integer, Chosen> choose(Placement.QuantizationPoint point, List<Integer> widths) {
        var seen = measured.profileOf(point.tensor());
        var readers = model.nodes().stream()
                .filter(node -> Operators.LAYERS.has(node)
                        && node.inputs().contains(point.tensor())
                        && (point.readers().isEmpty() || point.readers().contains(node.name())))
                .toList();
        boolean softmax = settings.softmax() != SoftmaxQuantizer.UNIFORM && isSoftmax(point.tensor());
        boolean tried = measured.captured().isPresent()
                && !readers.isEmpty()
                && (softmax || settings.range() instanceof RangeCriterion.Auto);
        var chosen = new TreeMap<Integer, Chosen>();
        if (!tried) {
            String range = settings.range() instanceof RangeCriterion.Auto
                    ? "mse"
                    : settings.range().label();
            widths.forEach(bits -> chosen.put(bits, new Chosen(settings.range().choose(seen, bits), range, null)));
            return chosen;
        }
        try (var error = measured.consumers(model, readers)) {
            for (int bits : widths) {
                chosen.put(
                        bits,
                        candidates(
                                        seen,
                                        bits,
                                        softmax,
                                        quantizer -> error.of(Map.of(point.tensor(), quantizer::fakeQuantize)))
                                .stream()
                                .min((one, other) -> Double.compare(one.error(), other.error()))
                                .orElseThrow());
            }
            return chosen;
        }
    }

    private interface Judge {
        double of(Quantizer quantizer);
    }

    private List<Chosen> candidates(TensorProfile seen, int bits, boolean softmax, Judge judge) {
        var candidates = new ArrayList<Chosen>();
        var wanted = settings.softmax();
        if (!softmax || wanted == SoftmaxQuantizer.AUTO || bits > Codebook.WIDEST) {
            var criteria =
                    settings.range() instanceof RangeCriterion.Auto ? RangeCriterion.ALL : List.of(settings.range());
            for (var criterion : criteria) {
                var quantizer = criterion.choose(seen, bits);
                candidates.add(new Chosen(quantizer, criterion.label(), judge.of(quantizer)));
            }
        }
        if (softmax && bits <= Codebook.WIDEST) {
            // RepQ-ViT's scales and the maximum, for every curve; unlike there, the output of the product decides and
            // not the error of the activation itself.
            var histogram = seen.histogram();
            double[] scales = {
                histogram.max(), histogram.quantile(0.99999), histogram.quantile(0.9999), histogram.quantile(0.999)
            };
            for (int root = 1; root <= 2; root++) {
                if (wanted == SoftmaxQuantizer.AUTO
                        || wanted == (root == 1 ? SoftmaxQuantizer.LOG2 : SoftmaxQuantizer.LOGSQRT2)) {
                    for (double scale : scales) {
                        var quantizer = new Logarithmic(bits, root, (float) scale);
                        candidates.add(new Chosen(quantizer, "product", judge.of(quantizer)));
                    }
                }
            }
            if (wanted == SoftmaxQuantizer.AUTO || wanted == SoftmaxQuantizer.TAN) {
                var quantizer = TanSearch.search(bits, scales, judge::of);
                candidates.add(new Chosen(quantizer, "product", judge.of(quantizer)));
            }
        }
        return candidates;
    }

    private boolean isSoftmax(String tensor) {
        return model.index().producer(tensor, "Softmax").isPresent();
    }
}
