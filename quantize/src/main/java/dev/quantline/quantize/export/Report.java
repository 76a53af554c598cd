package dev.quantline.quantize.export;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.quantline.onnx.Escaped;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Stream;

/**
 * The result of a job, as stored in {@code report.json}.
 *
 * @param job        its id
 * @param status     {@code done}, or {@code goal-missed} if the best model found does not keep the stated goal
 * @param message    that the goal was missed, and which outputs are below 10 dB, in words; null if there is nothing to say
 * @param recipe     preset of the job
 * @param original   figures of the original model, never of a rewritten one
 * @param fidelity   of the output that the metric reads; otherwise of the worst output
 * @param outputs    closeness of each output
 * @param latencySamples samples per run when latencies are measured
 * @param stages     seconds by stage
 * @param notes      what a user should know about the file
 * @param kernels    what ONNX Runtime runs
 * @param simulation how close the file is to its plan
 * @param allocation how bits were chosen; null if all layers have the same
 * @param fineTuned  metric of the float model after fine-tuning, before quantization; null if it was not fine-tuned
 * @param pareto     best plans found for all sizes; empty if bits were not allocated
 * @param saturation what makes integer kernels compute the same everywhere
 * @param processor  where the figures were measured
 * @param judged     the basis of the verdict; null, like the next two, in reports of versions without it
 * @param usage      how to run the file
 * @param asked      the request and when it was done; null if there was no job
 */
public record Report(
        String job,
        String status,
        @JsonInclude(JsonInclude.Include.NON_NULL) String message,
        String recipe,
        @JsonProperty("float") Original original,
        @JsonInclude(JsonInclude.Include.NON_NULL) Value fineTuned,
        Quantized quantized,
        Closeness fidelity,
        List<JudgedOutput> outputs,
        int latencySamples,
        List<Layer> layers,
        List<Step> tuning,
        Map<String, Stage> stages,
        List<String> notes,
        Kernels kernels,
        Verification simulation,
        @JsonInclude(JsonInclude.Include.NON_NULL) Allocation allocation,
        List<Point> pareto,
        Provenance provenance,
        Saturation saturation,
        Machine processor,
        @JsonInclude(JsonInclude.Include.NON_NULL) Judged judged,
        @JsonInclude(JsonInclude.Include.NON_NULL) Usage usage,
        @JsonInclude(JsonInclude.Include.NON_NULL) Asked asked) {
    private static final ObjectMapper JSON = new ObjectMapper()
            .enable(SerializationFeature.INDENT_OUTPUT)
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);

    public Report {
        outputs = outputs == null ? List.of() : outputs;
        layers = layers == null ? List.of() : layers;
        tuning = tuning == null ? List.of() : tuning;
        stages = stages == null ? Map.of() : stages;
        notes = notes == null ? List.of() : notes;
        pareto = pareto == null ? List.of() : pareto;
    }

    /**
     * The basis of the verdict.
     *
     * @param output  the output that the metric reads, or several separated by commas; null if every output is compared and the
     *                farthest counts
     * @param samples of the evaluation data
     */
    public record Judged(
            String metric,
            @JsonInclude(JsonInclude.Include.NON_NULL) String output,
            int samples) {}

    /**
     * The request of a job.
     *
     * @param model       reference of the float model
     * @param calibration reference of the data it was calibrated on
     * @param evaluation  reference of the data it was evaluated on; null: the calibration data
     * @param finished    ISO 8601, UTC
     * @param command     the command that reproduces it
     * @param request     complete, with every default filled in, without its id
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Asked(
            String model, String calibration, String evaluation, String finished, String command, JsonNode request) {}

    /** A metric's value. */
    public record Value(String name, double value) {}

    /** Figures of the float model; latency is the median of several runs of one sample. */
    public record Original(long bytes, Value metric, double latencyMs) {}

    /** Figures of the exported model; bits are averages over the weights stored as codes and over the quantized activations. */
    public record Quantized(
            long bytes, Value metric, double latencyMs, double averageWeightBits, double averageActivationBits) {}

    /** How close the exported model's outputs are to the original's on the evaluation data. */
    public record Closeness(double cosine, double sqnrDb) {}

    /**
     * A layer with quantized inputs.
     *
     * @param weightBits     null if it has no constant weight
     * @param activationBits null if it reads no quantized activation
     * @param weights        number of weights
     * @param bytes          of its weights in the file
     * @param sensitivity    loss with this layer alone quantized to these widths; null if not measured
     * @param weightError    squared error of its weights before tuning relative to their power, each weighted by the mean square of the
     *                       input that it multiplies; null if unknown
     * @param inputSqnrDb    of the activation that it reads, on the calibration data, in decibels; null if it reads none that is
     *                       quantized
     * @param losses         its sensitivity for every candidate width, {@code weights/activations}; null if not measured
     */
    public record Layer(
            String name,
            String type,
            Integer weightBits,
            Integer activationBits,
            String activationQuantizer,
            String range,
            long weights,
            long bytes,
            Double sensitivity,
            @JsonInclude(JsonInclude.Include.NON_NULL) Double weightError,
            @JsonInclude(JsonInclude.Include.NON_NULL) Double inputSqnrDb,
            @JsonInclude(JsonInclude.Include.NON_NULL) Map<String, Double> losses) {}

    /**
     * How bits were chosen.
     *
     * @param loss          name of the loss measured with single layers quantized
     * @param samples       number of samples it was measured on
     * @param budget        largest file requested, as a fraction of the float model's; null if none was
     * @param goal          largest drop of the metric requested, for which the smallest plan was sought; null if none was
     * @param predictedLoss sum of the layers' losses at the chosen widths
     * @param measuredLoss  loss of the chosen plan as a whole
     * @param gap           bound on how much better a choice could be, relative to the predicted loss; 0: proven optimal
     */
    public record Allocation(
            String loss,
            int samples,
            Double budget,
            Double goal,
            double predictedLoss,
            double measuredLoss,
            double gap) {}

    /**
     * The effect of a tuning method on the error on held-out samples.
     *
     * @param part  the part of the network that it worked on; empty for all of it
     * @param curve held-out error by training step; empty if nothing was trained
     */
    public record Step(
            String method, String part, double errorBefore, double errorAfter, boolean kept, List<Point> curve) {
        /** Held-out error; lower is better. */
        public record Point(int step, double score) {}
    }

    /**
     * Duration of a stage.
     *
     * @param seconds   from its trigger to its event
     * @param machinery seconds of those spent on events and storage instead of computation
     */
    public record Stage(double seconds, double machinery) {}

    /**
     * The best plan of a size.
     *
     * @param size     fraction of the float model's bytes
     * @param measured loss of the plan as a whole; null if only the prediction is known
     * @param chosen   whether it is the exported plan
     */
    public record Point(double size, long bytes, double predictedLoss, Double measured, boolean chosen) {}

    /**
     * A processor, and what was measured on it.
     *
     * @param integerInstructions its instructions for products of 8-bit integers
     * @param saturates           whether ONNX Runtime's integer kernels saturate on it
     * @param measured            which figures were measured on it, and how they were computed
     */
    public record Machine(String name, String integerInstructions, boolean saturates, String measured) {}

    /** What the result depends on. */
    public record Provenance(String modelSha256, String dataSha256, String settingsSha256, String version, long seed) {}

    /** The same report with what evaluation showed. */
    Report withEvaluation(
            Verdict verdict, Value before, Value after, Closeness closest, List<JudgedOutput> closeness, Judged basis) {
        return new Report(
                job,
                verdict.missed() ? "goal-missed" : "done",
                verdict.message(),
                recipe,
                new Original(original.bytes(), before, original.latencyMs()),
                fineTuned,
                new Quantized(
                        quantized.bytes(),
                        after,
                        quantized.latencyMs(),
                        quantized.averageWeightBits(),
                        quantized.averageActivationBits()),
                closest,
                closeness,
                latencySamples,
                layers,
                tuning,
                stages,
                notes,
                kernels,
                simulation,
                allocation,
                pareto,
                provenance,
                saturation,
                processor,
                basis,
                usage,
                asked);
    }

    /** The same report with the times of the stages. */
    public Report withStages(Map<String, Stage> times) {
        return with(fineTuned, times, notes, asked);
    }

    /** The same report with more notes for the user, without duplicates. */
    public Report withNotes(List<String> more) {
        return with(
                fineTuned,
                stages,
                Stream.concat(more.stream(), notes.stream()).distinct().toList(),
                asked);
    }

    /** The same report with the metric after fine-tuning, before quantization. */
    public Report withFineTuned(double metric) {
        return with(new Value(original.metric().name(), metric), stages, notes, asked);
    }

    /** The same report with the request. */
    public Report withAsked(Asked wanted) {
        return with(fineTuned, stages, notes, wanted);
    }

    private Report with(Value metric, Map<String, Stage> times, List<String> remarks, Asked wanted) {
        return new Report(
                job,
                status,
                message,
                recipe,
                original,
                metric,
                quantized,
                fidelity,
                outputs,
                latencySamples,
                layers,
                tuning,
                times,
                remarks,
                kernels,
                simulation,
                allocation,
                pareto,
                provenance,
                saturation,
                processor,
                judged,
                usage,
                wanted);
    }

    /** Writes {@code report.json} and {@code report.html} into a folder. */
    public void write(Path folder) throws IOException {
        write(folder, ReportPlots.EMPTY);
    }

    /** The same with charts in {@code report.html}. */
    public void write(Path folder, ReportPlots plots) throws IOException {
        Files.writeString(folder.resolve("report.json"), toJson());
        Files.writeString(folder.resolve("report.html"), toHtml(plots));
    }

    /** Indented JSON, escaped as {@link Escaped} does. */
    public String toJson() {
        return json(this);
    }

    private static String json(Object data) {
        try {
            return Escaped.lines(JSON.writeValueAsString(data));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    /** One self-contained page that displays this report; its charts are drawn by Chart.js, whose script is part of the page. */
    public String toHtml(ReportPlots plots) {
        return script(
                        script(script(script(script(resource("report.html"), "page"), "usage"), "sites"), "bits"),
                        "curves")
                .replace("\"@chart@\"", chartLibrary())
                .replace("\"@gallery@\"", inScript(plots))
                .replace("\"@report@\"", inScript(this));
    }

    private static String script(String page, String name) {
        return page.replace("\"@" + name + "@\"", resource(name + ".js"));
    }

    /** A "<" in the data could end the script element that contains it, or begin a comment. */
    private static String inScript(Object data) {
        return json(data).replace("<", "\\u003c");
    }

    private static String chartLibrary() {
        var jar = new Properties();
        try (var in = Report.class.getResourceAsStream("/META-INF/maven/org.webjars.npm/chart.js/pom.properties")) {
            jar.load(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return resource("/META-INF/resources/webjars/chart.js/" + jar.getProperty("version") + "/dist/chart.umd.js")
                .replaceAll("//# sourceMappingURL=.*", "");
    }

    private static String resource(String name) {
        try (var in = Report.class.getResourceAsStream(name)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Reads a file written by {@link #write} in this or another version: unknown fields are skipped, others may be missing. */
    public static Report read(Path json) throws IOException {
        return JSON.readValue(json.toFile(), Report.class);
    }
}
