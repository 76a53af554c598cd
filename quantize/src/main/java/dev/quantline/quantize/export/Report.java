package dev.quantline.quantize.export;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
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
 * What became of a job, as {@code report.json} keeps it.
 *
 * @param job        its id
 * @param status     {@code done}, or {@code goal-missed} when the best model found does not keep the stated goal
 * @param message    that the goal was missed, and which outputs are below 10 dB, in words; null when there is nothing to say
 * @param recipe     preset it ran with
 * @param original   figures of the original model, never of a rewritten one
 * @param fidelity   of the output that the metric reads, else of the worst one
 * @param outputs    closeness of each
 * @param latencySamples samples per run in the measurement of latencies
 * @param stages     seconds by stage
 * @param notes      what a user should know about the file
 * @param kernels    what ONNX Runtime runs
 * @param simulation how close the file is to the plan it was made of
 * @param allocation how bits were chosen; null when all layers have the same
 * @param fineTuned  metric of the float model after fine-tuning, before quantization; null when it was not fine-tuned
 * @param pareto     best plans found for all sizes; empty when bits were not allocated
 * @param saturation what was done so that integer kernels compute the same everywhere
 * @param processor  where the figures were measured
 * @param judged     what the verdict rests on; null in reports of versions that did not say, as the next two
 * @param usage      how the file is run
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
     * What the verdict rests on.
     *
     * @param output  the output that the metric looks at, several with commas; null where every output is compared and the farthest
     *                counts
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
     * @param evaluation  reference of the data it was judged on; null: those of the calibration
     * @param finished    ISO 8601, UTC
     * @param command     the command that reproduces it
     * @param request     complete, every default filled in, without its id
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Asked(
            String model, String calibration, String evaluation, String finished, String command, JsonNode request) {}

    /** A metric's value. */
    public record Value(String name, double value) {}

    /** Figures of the float model; latency is the median of several runs of one sample. */
    public record Original(long bytes, Value metric, double latencyMs) {}

    /** Figures of the exported model; bits are averages over the weights that are codes and over the quantized activations. */
    public record Quantized(
            long bytes, Value metric, double latencyMs, double averageWeightBits, double averageActivationBits) {}

    /** How close the exported model's outputs are to the original's on the evaluation data. */
    public record Closeness(double cosine, double sqnrDb) {}

    /**
     * A layer with quantized inputs.
     *
     * @param weightBits     null when no weight of it is constant
     * @param activationBits null when it reads no quantized activation
     * @param weights        number of weights
     * @param bytes          of its weights in the file
     * @param sensitivity    loss when it alone is quantized so; null when that was not measured
     * @param weightError    squared error over power of its weights before tuning, each counting by the mean square of the input it
     *                       meets; null when that is not known
     * @param inputSqnrDb    of the activation it reads, on the calibration data, in decibels; null when it reads none that is quantized
     * @param losses         the sensitivity for every width it might have had, {@code weights/activations}; null when not measured
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
     * @param loss          what was measured when a layer alone was quantized
     * @param samples       it was measured on
     * @param budget        largest file asked for, as a fraction of the float model's; null when none was
     * @param goal          largest drop of the metric asked for, which the smallest plan was looked for to keep; null when none was
     * @param predictedLoss sum of the layers' losses at the chosen widths
     * @param measuredLoss  loss of the chosen plan as a whole
     * @param gap           how far, relative to the predicted loss, a better choice may be at most; 0: there is none
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
     * What a tuning method did to the error on held-out samples.
     *
     * @param part  the part of the network it worked on; empty for all of it
     * @param curve held-out error after so many training steps; empty where nothing was trained
     */
    public record Step(
            String method, String part, double errorBefore, double errorAfter, boolean kept, List<Point> curve) {
        /** Held-out error, lower is better. */
        public record Point(int step, double score) {}
    }

    /**
     * Time of a stage.
     *
     * @param seconds   from its trigger to its event
     * @param machinery seconds of those spent on events and storage instead of computing
     */
    public record Stage(double seconds, double machinery) {}

    /**
     * The best plan of a size.
     *
     * @param size     fraction of the float model's bytes
     * @param measured loss of the plan as a whole; null where only the prediction is known
     * @param chosen   whether it is the one exported
     */
    public record Point(double size, long bytes, double predictedLoss, Double measured, boolean chosen) {}

    /**
     * A processor, and what was measured on it.
     *
     * @param integerInstructions its instructions for products of 8-bit integers
     * @param saturates           whether ONNX Runtime's integer kernels saturate there
     * @param measured            which figures are from it, and how they were computed
     */
    public record Machine(String name, String integerInstructions, boolean saturates, String measured) {}

    /** What the result depends on. */
    public record Provenance(String modelSha256, String dataSha256, String settingsSha256, String version, long seed) {}

    /** The same report with the stages' times. */
    public Report withStages(Map<String, Stage> times) {
        return with(fineTuned, times, notes, asked);
    }

    /** The same report with more that a user should know, said once. */
    public Report withNotes(List<String> more) {
        return with(
                fineTuned,
                stages,
                Stream.concat(more.stream(), notes.stream()).distinct().toList(),
                asked);
    }

    /** The same report with what the metric is after fine-tuning, before quantization. */
    public Report withFineTuned(double metric) {
        return with(new Value(original.metric().name(), metric), stages, notes, asked);
    }

    /** The same report with what was asked for. */
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

    /** The same with pictures in {@code report.html}. */
    public void write(Path folder, ReportPlots plots) throws IOException {
        Files.writeString(folder.resolve("report.json"), toJson());
        Files.writeString(folder.resolve("report.html"), toHtml(plots));
    }

    /** Readable JSON. */
    public String toJson() {
        return json(this);
    }

    private static String json(Object data) {
        try {
            return JSON.writeValueAsString(data);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    /** One self-contained page that draws this report; its charts are Chart.js's, whose script is part of the page. */
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

    /** A "<" inside the data could end the script element it stands in, or begin a comment. */
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

    /** Reads what {@link #write} wrote, in this version or another: fields it does not know are skipped, others may be missing. */
    public static Report read(Path json) throws IOException {
        return JSON.readValue(json.toFile(), Report.class);
    }
}
