package dev.quantline.export;

import dev.quantline.evaluate.Evaluation;
import dev.quantline.evaluate.Latency;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.Tensor;
import dev.quantline.plan.QuantizationPlan;
import dev.quantline.runtime.Progress;
import dev.quantline.runtime.Provider;
import dev.quantline.runtime.Samples;
import dev.quantline.runtime.Session;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/** The export stage: a plan becomes a file, and the file is judged as its user would run it. */
public final class Exporter {
    private Exporter() {
    }

    /**
     * What is exported and how it is judged.
     *
     * @param job        id for the report
     * @param recipe     preset for the report
     * @param original   the model as it came
     * @param model      tuned float model the plan belongs to
     * @param evaluation data the two are compared on
     * @param metric     name of a metric
     * @param goal       largest drop of the metric allowed; empty for none
     * @param tuning     what tuning did, for the report
     * @param batch      samples run at once
     */
    public record Job(String job, String recipe, Path original, Graph model, QuantizationPlan plan, Samples evaluation, String metric,
                      OptionalDouble goal, List<Report.Step> tuning, Report.Provenance provenance, int batch, Provider provider) {
    }

    /**
     * Writes {@code model.onnx} into a folder, checks it, loads it at ONNX Runtime's highest optimisation level and runs it.
     * The report is returned, not written: its caller knows the stages' times.
     *
     * @throws BadInput when the checker or ONNX Runtime refuses the result, or the evaluation data does not fit
     */
    public static Report export(Job job, Path folder, Progress progress) throws IOException {
        var file = folder.resolve("model.onnx");
        var quantized = job.plan().applyTo(job.model()).withMetadata(metadata(job));
        OnnxLibrary.check(quantized);
        ModelFile.write(quantized, file);
        try (var before = Session.open(job.original(), job.provider(), Session.Optimization.ALL);
             var after = Session.open(file, job.provider(), Session.Optimization.ALL)) {
            var sample = new ArrayList<Map<String, Tensor>>();
            job.evaluation().forEachBatch(0, Math.min(job.evaluation().batchSize(1), job.evaluation().size()), 1,
                fed -> sample.add(fed.arrays()));
            if (sample.isEmpty()) {
                throw new BadInput("the evaluation data has fewer samples than one batch of the model");
            }
            var latency = Latency.compare(before, after, sample.getFirst());
            var result = Evaluation.run(before, after, job.evaluation(), job.metric(), job.batch(), progress);
            return report(job, file, latency, result);
        }
    }

    private static Map<String, String> metadata(Job job) {
        var origin = job.provenance();
        return Map.of("quantline.version", origin.version(), "quantline.job", job.job(), "quantline.recipe", job.recipe(),
            "quantline.model.sha256", origin.modelSha256(), "quantline.data.sha256", origin.dataSha256(),
            "quantline.settings.sha256", origin.settingsSha256(), "quantline.seed", Long.toString(origin.seed()));
    }

    private static Report report(Job job, Path file, double[] latency, Evaluation result) throws IOException {
        var fidelity = new Report.Closeness(result.fidelity().cosine(), result.fidelity().sqnrDb());
        if (!Double.isFinite(fidelity.cosine())) {
            throw new BadInput("on the evaluation data the outputs of the model or of its quantized form are not all finite:"
                + " check the data, or exclude the layers that overflow");
        }
        var before = new Report.Value(job.metric(), result.baseline().orElse(1));
        var after = new Report.Value(job.metric(), result.changed().orElse(fidelity.cosine()));
        double drop = result.baseline().isPresent() ? result.drop() : 1 - fidelity.cosine();
        boolean missed = job.goal().isPresent() && drop > job.goal().getAsDouble();
        String message = missed ? "the metric dropped by %.4f, the goal allows %.4f; this is the best model found"
            .formatted(drop, job.goal().getAsDouble()) : null;
        long bytes = Files.size(job.original());
        for (String external : ModelFile.externalFiles(job.original())) {
            bytes += Files.size(job.original().resolveSibling(external));
        }
        return new Report(job.job(), missed ? "goal-missed" : "done", message, job.recipe(),
            new Report.Original(bytes, before, latency[0]),
            new Report.Quantized(Files.size(file), after, latency[1], weightBits(job), activationBits(job)),
            fidelity, layers(job), job.tuning(), Map.of(), List.of(), job.provenance());
    }

    private static double weightBits(Job job) {
        double bits = 0;
        long elements = 0;
        for (var weight : job.plan().weights()) {
            long size = job.model().initializers().get(weight.tensor()).size();
            bits += (double) weight.quantizer().bits() * size;
            elements += size;
        }
        return elements == 0 ? 32 : bits / elements;
    }

    private static double activationBits(Job job) {
        return job.plan().activations().stream().mapToInt(activation -> activation.quantizer().bits()).average().orElse(32);
    }

    private static List<Report.Layer> layers(Job job) {
        var layers = new ArrayList<Report.Layer>();
        for (var node : job.model().nodes()) {
            var weight = job.plan().weightOf(node.name());
            var activation = node.is("MatMul", "Gemm", "Conv") ? activation(job.plan(), node) : null;
            if (weight.isPresent() || activation != null) {
                layers.add(new Report.Layer(node.name(), node.op(), weight.map(w -> w.quantizer().bits()).orElse(null),
                    activation == null ? null : activation.quantizer().bits(), activation == null ? null : activation.quantizer().label(),
                    activation == null ? null : activation.range(), null));
            }
        }
        return layers;
    }

    private static QuantizationPlan.Activation activation(QuantizationPlan plan, Node node) {
        return plan.activations().stream().filter(activation -> node.inputs().contains(activation.tensor())
            && (activation.readers().isEmpty() || activation.readers().contains(node.name()))).findFirst().orElse(null);
    }
}
