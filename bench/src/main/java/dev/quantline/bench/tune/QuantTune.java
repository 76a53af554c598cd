package dev.quantline.bench.tune;

import dev.quantline.bench.Subject;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.pattern.ActivationKind;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.calibrate.Calibrator;
import dev.quantline.quantize.evaluate.Measure;
import dev.quantline.quantize.evaluate.Metric;
import dev.quantline.quantize.finetune.FineTuneSettings;
import dev.quantline.quantize.finetune.FineTuning;
import dev.quantline.quantize.finetune.Task;
import dev.quantline.quantize.profile.Profile;
import dev.quantline.quantize.profile.TensorProfile;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.Recipe;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * What outlier-driven fine-tuning contributes: the network as it is, fine-tuned on the task alone (lambda = 0), and with the outlier
 * term, each then quantized by min-max and by squared error without any further tuning. Also prints, over the activations whose
 * outliers are pulled in, the mean of range / (2 sd) and the median and largest kurtosis. Arguments: the model, a folder with
 * {@code calibration.npz}, {@code train.npz} and {@code validation.npz}, the loss, the metric, validation samples (labelled pairs are two),
 * widths such as {@code 8,7,6}, epochs, training steps at most, lambdas such as {@code 0,0.5}, k and the rate.
 */
public final class QuantTune {
    private static final int PROFILED = 256;
    private static final int SITES = 8;
    private static final Set<ActivationKind> LEFT = Set.of(ActivationKind.INPUT, ActivationKind.SOFTMAX);

    private final Subject subject;
    private final String metric;
    private final int evaluated;
    private final List<Integer> widths;
    private final Map<String, Map<String, TensorProfile>> seen = new LinkedHashMap<>();

    private QuantTune(Subject subject, String metric, int evaluated, List<Integer> widths) {
        this.subject = subject;
        this.metric = metric;
        this.evaluated = evaluated;
        this.widths = widths;
    }

    public static void main(String[] arguments) throws IOException {
        var folder = Path.of(arguments[1]);
        var task = Task.valueOf(arguments[2].toUpperCase(Locale.ROOT));
        var widths =
                Arrays.stream(arguments[5].split(",")).map(Integer::valueOf).toList();
        boolean logits = !arguments[3].equals("pairs");
        var runs = Arrays.stream(arguments[8].split(","))
                .map(lambda -> "{lambda: %s, k: %s, epochs: %s, steps: %s, rate: %s}"
                        .formatted(lambda, arguments[9], arguments[6], arguments[7], arguments[10]))
                .map(stated -> new FineTuneSettings(task, logits, Json.part(Recipe.QuantTune.class, stated)))
                .toList();
        try (var subject = Subject.open(Path.of(arguments[0]), folder);
                var train =
                        Subject.open(Path.of(arguments[0]), folder.resolve("train.npz"), folder.resolve("train.npz"))) {
            var bench = new QuantTune(subject, arguments[3], Integer.parseInt(arguments[4]), widths);
            System.out.println(bench.head());
            System.out.println(bench.row("not", subject.model(), 0, 0));
            var start = bench.quantized(
                    subject.model(), bench.profile(subject.model()), widths.getLast(), ActivationRange.MINMAX);
            for (var run : runs) {
                long began = System.nanoTime();
                try (var tuning =
                        new FineTuning(subject.model(), start, train.calibration(), run, List.of(), Provider.cpu())) {
                    tuning.advance(() -> false, Progress.none());
                    double seconds = (System.nanoTime() - began) / 1e9;
                    System.out.println(bench.row(
                            "lambda = " + run.quanttune().lambda(), tuning.result(), tuning.steps(), seconds));
                }
            }
            bench.printSites();
        }
    }

    /** Where the outliers of the network as it came are, and what became of them. */
    private void printSites() {
        var line = new StringBuilder("%n| activation | kind |".formatted());
        seen.keySet().forEach(name -> line.append(" %s: kurtosis | range / 2 sd |".formatted(name)));
        System.out.println(line + "%n".formatted() + "|---".repeat(2 + 2 * seen.size()) + "|");
        var first = seen.values().iterator().next();
        first.keySet().stream()
                .filter(name -> !LEFT.contains(first.get(name).kind().orElseThrow()))
                .sorted(Comparator.comparingDouble(
                        (String name) -> -first.get(name).outliers().kurtosis()))
                .limit(SITES)
                .forEach(name -> {
                    var row = new StringBuilder("| %s | %s |"
                            .formatted(
                                    name, first.get(name).kind().orElseThrow().label()));
                    seen.values()
                            .forEach(all -> row.append(" %.0f | %.2f |"
                                    .formatted(all.get(name).outliers().kurtosis(), reach(all.get(name)))));
                    System.out.println(row);
                });
    }

    private String head() {
        var line = new StringBuilder(
                "| fine-tuned | steps | seconds | range / 2 sd | kurtosis, median | largest | float |");
        widths.forEach(width -> line.append(" W%1$dA%1$d min-max | W%1$dA%1$d mse |".formatted(width)));
        return line + "\n" + "|---".repeat(7 + 2 * widths.size()) + "|";
    }

    private String row(String name, Graph model, int steps, double seconds) throws IOException {
        var profile = profile(model);
        var seen = profile.tensors().values().stream()
                .filter(tensor -> !LEFT.contains(tensor.kind().orElseThrow()))
                .toList();
        this.seen.put(name, profile.tensors());
        double reach = seen.stream().mapToDouble(QuantTune::reach).average().orElseThrow();
        var kurtosis = seen.stream()
                .mapToDouble(tensor -> tensor.outliers().kurtosis())
                .sorted()
                .toArray();
        var line = new StringBuilder("| %s | %d | %.0f | %.2f | %.1f | %.0f | %.4f |"
                .formatted(
                        name,
                        steps,
                        seconds,
                        reach,
                        kurtosis[kurtosis.length / 2],
                        kurtosis[kurtosis.length - 1],
                        measure(model)));
        for (int width : widths) {
            line.append(" %.4f |".formatted(measure(quantized(model, profile, width, ActivationRange.MINMAX))));
            line.append(" %.4f |".formatted(measure(quantized(model, profile, width, ActivationRange.MSE))));
        }
        return line.toString();
    }

    private static double reach(TensorProfile tensor) {
        return (tensor.histogram().max() - tensor.histogram().min()) / (2 * tensor.deviation());
    }

    private Profile profile(Graph model) {
        return new Subject(model, subject.calibration(), subject.validation()).profile(PROFILED);
    }

    private Graph quantized(Graph model, Profile profile, int width, ActivationRange range) {
        var result = Calibrator.calibrate(
                model,
                profile,
                subject.calibration(),
                CalibrateSettings.plain(range, width, width, List.of()),
                Subject.BATCH,
                Provider.cpu(),
                Progress.none());
        return result.plan().applyTo(result.model());
    }

    private double measure(Graph model) throws IOException {
        var validation = subject.validation();
        var value = Metric.of(Measure.of(metric), validation.dataset()).orElseThrow();
        try (var session = Session.open(model, Provider.cpu(), Session.Optimization.EXACT)) {
            validation.forEachBatch(
                    0,
                    Math.min(evaluated, validation.size()),
                    Subject.BATCH,
                    fed -> value.add(fed, session.run(fed.arrays())));
        }
        return value.value();
    }
}
