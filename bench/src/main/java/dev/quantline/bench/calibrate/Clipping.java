package dev.quantline.bench.calibrate;

import dev.quantline.bench.Subject;
import dev.quantline.quantize.calibrate.RangeCriterion;
import dev.quantline.quantize.profile.Histogram;
import dev.quantline.quantize.profile.TensorProfile;
import dev.quantline.quantize.quantizer.Quantizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * What each range criterion clips. Arguments: the model, a folder with {@code calibration.npz} and {@code validation.npz}, calibration
 * samples, widths. A line is a kind of activation; a figure the squared error of clipping over the energy, in the activation of that
 * kind that loses most.
 */
public final class Clipping {
    private Clipping() {}

    public static void main(String[] arguments) throws IOException {
        try (var subject = Subject.open(Path.of(arguments[0]), Path.of(arguments[1]))) {
            var kinds = subject.profile(Integer.parseInt(arguments[2])).tensors().values().stream()
                    .collect(Collectors.groupingBy(
                            seen -> seen.kind().orElseThrow().label(), TreeMap::new, Collectors.toList()));
            for (int i = 3; i < arguments.length; i++) {
                print(Integer.parseInt(arguments[i]), kinds);
            }
        }
    }

    private static void print(int bits, Map<String, List<TensorProfile>> kinds) {
        System.out.printf("%n| %d bits |", bits);
        RangeCriterion.ALL.forEach(criterion -> System.out.printf(" %s |", criterion.label()));
        System.out.println("\n|---|" + "---|".repeat(RangeCriterion.ALL.size()));
        kinds.forEach((kind, activations) -> {
            System.out.printf("| %s |", kind);
            for (var criterion : RangeCriterion.ALL) {
                double most = activations.stream()
                        .mapToDouble(seen -> clipped(seen.histogram(), criterion.choose(seen, bits)))
                        .max()
                        .orElseThrow();
                System.out.printf(" %.1f %% |", 100 * most);
            }
            System.out.println();
        });
    }

    private static double clipped(Histogram histogram, Quantizer grid) {
        var counts = histogram.counts();
        double lost = 0;
        double energy = 0;
        for (int i = 0; i < counts.length; i++) {
            double x = Math.clamp(histogram.centre(i), histogram.min(), histogram.max());
            double beyond = x - Math.clamp(x, grid.lowest(0), grid.highest(0));
            lost += counts[i] * beyond * beyond;
            energy += counts[i] * x * x;
        }
        return lost / energy;
    }
}
