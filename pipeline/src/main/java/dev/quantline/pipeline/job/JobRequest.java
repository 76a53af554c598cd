package dev.quantline.pipeline.job;

import dev.quantline.onnx.BadInput;
import dev.quantline.quantize.evaluate.Measure;
import dev.quantline.quantize.finetune.Task;
import dev.quantline.quantize.plan.Target;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.Recipe;
import dev.quantline.quantize.workflow.DataSettings;
import dev.quantline.quantize.workflow.QuantizationSettings;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * One quantization job, complete: every default filled in, the recipe's preset expanded. Equal requests have equal {@link Json#bytes},
 * which distinguishes a resubmission from another job under the same id.
 *
 * @param id          names the job in events and in the store
 * @param model       the float ONNX model
 * @param calibration an .npz or a prefix of several: one array per model input, first axis = samples
 * @param target      where the file will run ({@link Target}): {@code cpu} or {@code cpu-vnni}
 * @param inputs inputs whose samples do not lie along their first axis
 * @param normalize   per uint8 image input: value / 255, minus mean, over std, per channel of NCHW
 * @param notes for the report: settings without effect
 */
public record JobRequest(
        String id,
        ObjectRef model,
        ObjectRef calibration,
        Map<String, DataSettings.Input> inputs,
        Map<String, DataSettings.Normalize> normalize,
        Optional<Evaluation> evaluation,
        Optional<Training> training,
        Recipe recipe,
        String target,
        List<String> notes) {
    private static final Pattern ID = Pattern.compile("[a-z0-9][a-z0-9-]{0,62}");

    /**
     * The data and the metric.
     *
     * @param metric a name ({@code top1}, {@code fidelity}, ...), or the reference of a custom metric's ONNX file
     * @param output the output that the metric reads; the first float output when empty
     * @param better whether {@code higher} or {@code lower} values of a custom metric are better; empty if its file says so
     */
    public record Evaluation(ObjectRef data, String metric, Optional<String> output, Optional<String> better) {
        public Evaluation {
            boolean isGraph = graph(metric).isPresent();
            if (better.isPresent() && !isGraph) {
                throw new BadInput("evaluation.better: it is known for metric '" + metric + "': leave it out");
            }
            if (output.isPresent() && isGraph) {
                throw new BadInput(
                        "evaluation.output: the inputs of a custom metric name the outputs that it reads: leave it out");
            }
        }

        /** The file of a custom metric; empty for a built-in one. */
        public Optional<ObjectRef> graph() {
            return graph(metric);
        }

        private static Optional<ObjectRef> graph(String metric) {
            return ObjectRef.isOne(metric) ? Optional.of(ObjectRef.parse(metric)) : Optional.empty();
        }

        /** What reports call the metric: its name, or that of its file. */
        public String metricName() {
            return graph().map(ObjectRef::name).orElse(metric);
        }
    }

    /** The data and the loss ({@code cross_entropy}, {@code pairs}, {@code next_token}, {@code distill}). */
    public record Training(ObjectRef data, String loss) {}

    public JobRequest {
        if (!isId(id)) {
            throw new BadInput("id: '" + id + "' must match " + ID);
        }
        target = Target.of(target == null ? Target.CPU.label() : target).label();
        inputs = new TreeMap<>(inputs == null ? Map.of() : inputs);
        normalize = new TreeMap<>(normalize == null ? Map.of() : normalize);
        notes = notes == null ? List.of() : List.copyOf(notes);
    }

    /** All that the result depends on besides model and data; a metric that is a graph is there by its name alone. */
    public QuantizationSettings settings() {
        return new QuantizationSettings(
                recipe,
                Target.of(target),
                new DataSettings(normalize, inputs),
                evaluation
                        .map(stated -> new Measure(stated.metricName(), stated.output()))
                        .orElse(QuantizationSettings.FIDELITY),
                training.map(stated -> Task.valueOf(stated.loss().toUpperCase(Locale.ROOT)))
                        .orElse(Task.DISTILL));
    }

    /** Every object the request names, by the field that does. */
    public Map<String, ObjectRef> references() {
        var named = new TreeMap<>(Map.of("model", model, "calibration", calibration));
        evaluation.ifPresent(stated -> named.put("evaluation.data", stated.data()));
        evaluation.flatMap(Evaluation::graph).ifPresent(graph -> named.put("evaluation.metric", graph));
        training.ifPresent(stated -> named.put("training.data", stated.data()));
        return named;
    }

    /** The same request with these notes. */
    JobRequest withNotes(List<String> remarks) {
        return new JobRequest(id, model, calibration, inputs, normalize, evaluation, training, recipe, target, remarks);
    }

    /** Whether the text can be the id of a job: lower-case letters, digits and dashes, 63 at most. */
    public static boolean isId(String text) {
        return ID.matcher(text).matches();
    }
}
