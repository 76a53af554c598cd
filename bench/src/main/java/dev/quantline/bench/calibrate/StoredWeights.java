package dev.quantline.bench.calibrate;

import dev.quantline.bench.Subject;
import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.plan.FloatKernels;
import dev.quantline.quantize.plan.Placement;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Uniform;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;

/**
 * What few bits do to weights that only float kernels read, with everything else in float. Arguments: the model, data to compare on,
 * widths.
 */
public final class StoredWeights {
    private StoredWeights() {}

    public static void main(String[] arguments) throws IOException {
        var data = Path.of(arguments[1]);
        try (var subject = Subject.open(Path.of(arguments[0]), data, data)) {
            System.out.println("| bits | cosine | SQNR |\n|---|---|---|");
            for (int i = 2; i < arguments.length; i++) {
                int bits = Integer.parseInt(arguments[i]);
                var fidelity = subject.compare(
                                plan(subject, bits).applyTo(subject.model()), "fidelity", Integer.MAX_VALUE)
                        .fidelity();
                System.out.printf("| %d | %.4f | %.1f dB |%n", bits, fidelity.cosine(), fidelity.sqnrDb());
            }
        }
    }

    private static QuantizationPlan plan(Subject subject, int bits) {
        var model = subject.model();
        var stored = model.nodes().stream()
                .filter(node -> !FloatKernels.weights(node).isEmpty())
                .map(node -> node.name())
                .collect(Collectors.toSet());
        return new QuantizationPlan(
                List.of(),
                Placement.of(model, List.of()).weights().stream()
                        .filter(weight -> stored.contains(weight.node()))
                        .map(weight -> new QuantizationPlan.Weight(
                                weight.tensor(),
                                weight.node(),
                                weight.input(),
                                quantizer(model.initializers().get(weight.tensor()), bits, weight.axis())))
                        .toList());
    }

    /** From the largest magnitude of each channel. */
    private static Uniform quantizer(Tensor weight, int bits, int axis) {
        var largest = new double[axis == Uniform.PER_TENSOR ? 1 : weight.dim(axis)];
        var probe = Uniform.symmetric(bits, axis, largest);
        int[] channel = probe.scaleIndex(weight.shape());
        for (int i = 0; i < channel.length; i++) {
            largest[channel[i]] = Math.max(largest[channel[i]], Math.abs(weight.get(i)));
        }
        return Uniform.symmetric(bits, axis, largest);
    }
}
