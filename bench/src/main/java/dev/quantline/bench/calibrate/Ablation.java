package dev.quantline.bench.calibrate;

import dev.quantline.bench.Subject;
import dev.quantline.onnx.pattern.ActivationKind;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.calibrate.Calibrator;
import dev.quantline.quantize.evaluate.Evaluation;
import dev.quantline.quantize.plan.CalibrationTable;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.profile.Profile;
import dev.quantline.quantize.quantizer.Tangent;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.Migration;
import dev.quantline.quantize.settings.SoftmaxQuantizer;
import dev.quantline.quantize.settings.WeightRange;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * What each choice of calibration contributes by itself, without tuning. Arguments: the model, a folder with {@code calibration.npz}
 * and {@code validation.npz}, the metric, validation samples (labelled pairs are two), widths as {@code 4/8}, and, unless all are
 * wanted, the first words of rows. Each row changes one choice of the base settings (ranges and weights by MSE, uniform softmax, norms
 * unchanged); the last rows search everything. Below the table it prints which relations reported in papers hold.
 */
public final class Ablation {
    private static final int CALIBRATED = 256;
    private static final String SOFTMAX = "softmax ";
    private static final String ALONE = ", all else float";
    private static final List<Relation> RELATIONS = List.of(
            new Relation("RepAPQ", "range mae", "range mse"),
            new Relation("ours", "range auto", "range mse"),
            new Relation("ours", "weights auto", "weights mse"),
            new Relation("RepQ-ViT", SOFTMAX + "logsqrt2" + ALONE, SOFTMAX + "log2" + ALONE),
            new Relation("DopQ-ViT", SOFTMAX + "tan" + ALONE, SOFTMAX + "logsqrt2" + ALONE),
            new Relation("DopQ-ViT", SOFTMAX + "tan" + ALONE, SOFTMAX + "uniform" + ALONE),
            new Relation("RepQ-ViT", "layernorm mean", "layernorm off"),
            new Relation("DopQ-ViT", "layernorm median", "layernorm mean"),
            new Relation("ours", "layernorm search", "layernorm median"));

    private final Subject subject;
    private final Profile profile;
    private final String metric;
    private final int evaluated;

    private Ablation(Subject subject, String metric, int evaluated) {
        this.subject = subject;
        this.metric = metric;
        this.evaluated = evaluated;
        profile = subject.profile(CALIBRATED);
    }

    public static void main(String[] arguments) throws IOException {
        try (var subject = Subject.open(Path.of(arguments[0]), Path.of(arguments[1]))) {
            var bench = new Ablation(subject, arguments[2], Integer.parseInt(arguments[3]));
            var others = Arrays.stream(arguments)
                    .skip(4)
                    .collect(Collectors.partitioningBy(argument -> argument.contains("/")));
            for (String pair : others.get(true)) {
                var widths = pair.split("/");
                var rows = rows(Integer.parseInt(widths[0]), Integer.parseInt(widths[1]));
                rows.keySet()
                        .removeIf(row -> !others.get(false).isEmpty()
                                && others.get(false).stream().noneMatch(row::startsWith));
                bench.print("W%sA%s".formatted(widths[0], widths[1]), rows);
            }
        }
    }

    private void print(String title, Map<String, CalibrateSettings> rows) throws IOException {
        var model = subject.model();
        var cosines = new LinkedHashMap<String, Double>();
        var products = new ArrayList<String>();
        System.out.printf("%n| %s | %s | cosine |%n|---|---|---|%n", title, metric);
        for (var row : rows.entrySet()) {
            var result = Calibrator.calibrate(
                    model,
                    profile,
                    subject.calibration(),
                    row.getValue(),
                    Subject.BATCH,
                    Provider.cpu(),
                    Progress.none());
            var whole = subject.compare(result.plan().applyTo(result.model()), metric, evaluated);
            if (cosines.isEmpty()) {
                System.out.printf("| float | %.4f | 1 |%n", whole.baseline().orElse(1));
            }
            cosines.put(row.getKey(), print(row.getKey(), whole));
            if (row.getKey().startsWith(SOFTMAX)) {
                var alone = subject.compare(softmaxAlone(result).applyTo(result.model()), metric, evaluated);
                cosines.put(row.getKey() + ALONE, print(row.getKey() + ALONE, alone));
                products.add(
                        product(row.getKey(), result.table(), row.getValue().activationBits()));
            }
        }
        products.forEach(System.out::print);
        System.out.println();
        RELATIONS.stream()
                .filter(relation -> relation.isIn(cosines))
                .forEach(relation -> System.out.println("- " + relation.judge(cosines)));
    }

    private double print(String row, Evaluation result) {
        double cosine = result.fidelity().cosine();
        System.out.printf("| %s | %.4f | %.4f |%n", row, result.changed().orElse(cosine), cosine);
        return cosine;
    }

    /** Error over power of A V, a mean over all softmax outputs, where it was measured; and where tangents have their centres. */
    private static String product(String row, CalibrationTable table, int bits) {
        var chosen = table.activations().stream()
                .filter(site -> site.kind().equals(ActivationKind.SOFTMAX.label()))
                .flatMap(site -> site.candidates().stream())
                .filter(grid -> grid.bits() == bits && grid.consumerError() != null)
                .toList();
        if (chosen.isEmpty()) {
            return "";
        }
        var centres = chosen.stream()
                .filter(grid -> grid.quantizer() instanceof Tangent)
                .mapToDouble(grid -> ((Tangent) grid.quantizer()).c())
                .summaryStatistics();
        return "%n%s: error of the product %.5f"
                        .formatted(
                                row,
                                chosen.stream()
                                        .mapToDouble(CalibrationTable.ActivationCandidate::consumerError)
                                        .average()
                                        .orElseThrow())
                + (centres.getCount() == 0
                        ? ""
                        : ", centres %.2f to %.2f".formatted(centres.getMin(), centres.getMax()));
    }

    /** The plan with the outputs of softmax quantized and nothing else: other errors do not hide what its quantizer does. */
    private static QuantizationPlan softmaxAlone(Calibrator.Result result) {
        var outputs = result.table().activations().stream()
                .filter(site -> site.kind().equals(ActivationKind.SOFTMAX.label()))
                .map(CalibrationTable.Activation::tensor)
                .collect(Collectors.toSet());
        return new QuantizationPlan(
                result.plan().activations().stream()
                        .filter(planned -> outputs.contains(planned.tensor()))
                        .toList(),
                List.of());
    }

    private static Map<String, CalibrateSettings> rows(int weightBits, int activationBits) {
        var rows = new LinkedHashMap<String, CalibrateSettings>();
        var mse = ActivationRange.MSE;
        var widths = new Widths(weightBits, activationBits);
        for (var range : ActivationRange.values()) {
            rows.put(
                    "range " + range.word(),
                    widths.with(range, WeightRange.MSE, SoftmaxQuantizer.UNIFORM, Migration.OFF));
        }
        for (var weights : List.of(WeightRange.MAX, WeightRange.MSE, WeightRange.MAE, WeightRange.AUTO)) {
            rows.put("weights " + weights.word(), widths.with(mse, weights, SoftmaxQuantizer.UNIFORM, Migration.OFF));
        }
        for (var softmax : List.of(
                SoftmaxQuantizer.UNIFORM, SoftmaxQuantizer.LOG2, SoftmaxQuantizer.LOGSQRT2, SoftmaxQuantizer.TAN)) {
            rows.put(SOFTMAX + softmax.word(), widths.with(mse, WeightRange.MSE, softmax, Migration.OFF));
        }
        for (var layernorm : Migration.values()) {
            rows.put(
                    "layernorm " + layernorm.word(),
                    widths.with(mse, WeightRange.MSE, SoftmaxQuantizer.UNIFORM, layernorm));
        }
        rows.put(
                "everything searched, ranges by mse",
                widths.with(mse, WeightRange.AUTO, SoftmaxQuantizer.AUTO, Migration.SEARCH));
        rows.put("everything searched", CalibrateSettings.searched(weightBits, activationBits, List.of()));
        return rows;
    }

    private record Widths(int weights, int activations) {
        CalibrateSettings with(
                ActivationRange range, WeightRange weightRange, SoftmaxQuantizer softmax, Migration layernorm) {
            var stated = "{range: '%s', weights: '%s', softmax: '%s', layernorm: '%s'}"
                    .formatted(range.word(), weightRange.word(), softmax.word(), layernorm.word());
            return CalibrateSettings.of(stated, weights, activations, List.of());
        }
    }
}
