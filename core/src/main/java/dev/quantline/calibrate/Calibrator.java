package dev.quantline.calibrate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.plan.Placement;
import dev.quantline.plan.QuantizationPlan;
import dev.quantline.profile.Profile;
import dev.quantline.profile.TensorProfile;
import dev.quantline.quantizer.Uniform;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;

/**
 * The calibration stage: chooses a quantizer for every place in a canonical model. Weights are symmetric per output
 * channel, activations asymmetric per tensor.
 */
public final class Calibrator {
    /** int32 biases must fit with room to add products to them. */
    private static final double LARGEST_BIAS = 1 << 30;

    private Calibrator() {
    }

    /** The plan and what it is expected to cost. */
    public record Result(QuantizationPlan plan, List<SiteError> errors) {
    }

    /**
     * Expected error of one quantized activation.
     *
     * @param range    criterion that chose its range
     * @param sqnrDb   signal power over quantization error power, in decibels
     * @param clipped  share of the values outside the range
     */
    public record SiteError(String tensor, String range, int bits, double lowest, double highest, double sqnrDb, double clipped) {
    }

    /**
     * Chooses quantizers.
     *
     * @throws BadInput when a tensor to quantize was not profiled
     */
    public static Result calibrate(Graph model, Profile profile, CalibrateSettings settings) {
        var placement = Placement.of(model, settings.exclude());
        var grids = new HashMap<String, Uniform>();
        var activations = new ArrayList<QuantizationPlan.Activation>();
        var errors = new ArrayList<SiteError>();
        for (var site : placement.activations().values()) {
            var seen = profile.tensors().get(site.tensor());
            if (seen == null) {
                throw new BadInput("activation '" + site.tensor() + "' is not in the profile: profile the model again");
            }
            var quantizer = grids.containsKey(site.gridOf()) ? grids.get(site.gridOf())
                : settings.range().choose(seen.histogram(), settings.activationBits());
            grids.put(site.tensor(), quantizer);
            activations.add(new QuantizationPlan.Activation(site.tensor(), site.readers(), quantizer, settings.range().label()));
            errors.add(error(site.tensor(), seen, quantizer, settings.range().label()));
        }
        var weights = placement.weights().stream().map(place -> weight(model, place, settings, activations)).toList();
        return new Result(new QuantizationPlan(activations, weights), errors);
    }

    private static SiteError error(String tensor, TensorProfile seen, Uniform quantizer, String range) {
        var histogram = seen.histogram();
        double noise = RangeCriterion.error(histogram, quantizer, error -> error * error);
        double power = seen.mean() * seen.mean() + seen.deviation() * seen.deviation();
        var counts = histogram.counts();
        long outside = 0;
        for (int i = 0; i < counts.length; i++) {
            double x = histogram.centre(i);
            outside += x < quantizer.lowest(0) - quantizer.scale()[0] || x > quantizer.highest(0) + quantizer.scale()[0] ? counts[i] : 0;
        }
        return new SiteError(tensor, range, quantizer.bits(), quantizer.lowest(0), quantizer.highest(0),
            10 * Math.log10(power / Math.max(noise, 1e-30)), (double) outside / histogram.total());
    }

    private static QuantizationPlan.Weight weight(Graph model, Placement.Weight place, CalibrateSettings settings,
                                                  List<QuantizationPlan.Activation> activations) {
        var tensor = model.initializers().get(place.tensor());
        var quantizer = Uniform.symmetric(settings.weightBits(), place.axis(), largest(tensor, place.axis()));
        var node = model.nodes().stream().filter(reader -> reader.name().equals(place.node())).findFirst().orElseThrow();
        return new QuantizationPlan.Weight(place.tensor(), place.node(), place.input(), roomForBias(model, node, quantizer, activations));
    }

    private static double[] largest(Tensor tensor, int axis) {
        var values = tensor.toFloats();
        int channels = axis == Uniform.PER_TENSOR ? 1 : tensor.dim(axis);
        int inner = 1;
        for (int i = axis + 1; axis != Uniform.PER_TENSOR && i < tensor.rank(); i++) {
            inner *= tensor.dim(i);
        }
        var largest = new double[channels];
        for (int i = 0; i < values.length; i++) {
            int c = i / inner % channels;
            largest[c] = Math.max(largest[c], Math.abs(values[i]));
        }
        return largest;
    }

    /** Widens the scale of nearly dead channels until their bias fits int32 at scale s_x s_w. */
    private static Uniform roomForBias(Graph model, Node node, Uniform quantizer, List<QuantizationPlan.Activation> activations) {
        var input = new QuantizationPlan(activations, List.of()).activationOf(node.input(0), node.name());
        var bias = node.hasInput(2) ? model.initializers().get(node.input(2)) : null;
        if (!node.is("Conv", "Gemm") || bias == null || quantizer.axis() == Uniform.PER_TENSOR
            || !(input.orElse(null) instanceof Uniform grid)) {
            return quantizer;
        }
        var b = bias.toFloats();
        var scale = quantizer.scale().clone();
        for (int c = 0; c < scale.length && c < b.length; c++) {
            scale[c] = (float) Math.max(scale[c], Math.abs(b[c]) / (LARGEST_BIAS * grid.scale()[0]));
        }
        return new Uniform(quantizer.bits(), true, quantizer.axis(), scale, quantizer.zeroPoint());
    }
}
