package dev.quantline.pipeline.job;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.onnx.BadInput;
import dev.quantline.quantize.evaluate.Metric;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.Recipe;
import dev.quantline.quantize.settings.SoftmaxQuantizer;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class JobReaderTest {
    private static final String BASE = "\"model\": \"s3://b1x/m.onnx\", \"calibration\": \"s3://b1x/c.npz\"";

    @Test
    void aBareRequestGetsEveryDefault() {
        var job = read("{" + BASE + ", \"evaluation\": {\"data\": \"s3://b1x/v.npz\"}}");

        assertEquals("given", job.id());
        assertEquals("int8", job.recipe().preset());
        assertEquals(8, job.recipe().weightBits());
        assertTrue(job.recipe().tune().bias());
        assertEquals("fidelity", job.evaluation().orElseThrow().metric());
        assertTrue(job.normalize().isEmpty());
    }

    @Test
    void anObjectOverridesThePresetItNames() {
        var job = read("{" + BASE + ", \"recipe\": {\"preset\": \"w8a8-fast\", \"calibrate\": {\"range\": \"mae\"},"
                + " \"exclude\": [\"head*\"], \"goal\": {\"drop\": 0.01}}}");

        assertEquals(ActivationRange.MAE, job.recipe().calibrate().range());
        assertEquals(SoftmaxQuantizer.UNIFORM, job.recipe().calibrate().softmax());
        assertFalse(job.recipe().tune().bias());
        assertEquals("head*", job.recipe().exclude().getFirst());
        assertEquals(0.01, job.recipe().goal().orElseThrow().drop());
    }

    @Test
    void theCompleteRequestReadsBackAsItself() throws JsonProcessingException {
        var job = read("{" + BASE + ", \"id\": \"a-1\", \"recipe\": \"w8a8-fast\","
                + " \"inputs\": {\"h0\": {\"batch\": 1}, \"scale\": {\"constant\": true}},"
                + " \"evaluation\": {\"data\": \"s3://b1x/v.npz\", \"metric\": \"top1\", \"output\": \"probabilities\"},"
                + " \"normalize\": {\"image\": {\"mean\": [0.5], \"std\": [0.25]}}}");

        var again = JobReader.read(Json.tree(job), "other");

        assertEquals(job, again);
        assertEquals(Optional.of(1), again.inputs().get("h0").batch());
        assertEquals(Optional.of(true), again.inputs().get("scale").constant());
        assertEquals(
                Optional.of("probabilities"), again.evaluation().orElseThrow().output());
        assertArrayEquals(Json.bytes(job), Json.bytes(again));
    }

    @Test
    void theSchemaListsTheMetricsThereAre() {
        var listed = JobReader.publishedSchema()
                .at("/properties/evaluation/properties/metric/else/enum")
                .valueStream()
                .map(JsonNode::asText)
                .toList();

        assertEquals(Metric.NAMES, listed);
    }

    @Test
    void aMetricMayBeAGraph() {
        var own = read("{" + BASE
                        + ", \"evaluation\": {\"data\": \"s3://b1x/v.npz\", \"metric\": \"s3://b1x/own/iou.onnx\","
                        + " \"better\": \"lower\"}}")
                .evaluation()
                .orElseThrow();
        var named = read("{" + BASE + ", \"evaluation\": {\"data\": \"s3://b1x/v.npz\", \"metric\": \"map50\"}}")
                .evaluation()
                .orElseThrow();

        assertEquals(Optional.of(ObjectRef.parse("s3://b1x/own/iou.onnx")), own.graph());
        assertEquals("iou.onnx", own.metricName());
        assertEquals(Optional.of("lower"), own.better());
        assertEquals(Optional.empty(), named.graph());
        assertEquals("map50", named.metricName());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {"calibration": "s3://b1x/c.npz"}                                       | model: required property
            {BASE, "id": "../x"}                                                    | id: does not match
            {BASE, "id": "Big"}                                                     | id: does not match
            {BASE, "id": "line\\n"}                                                 | id:
            {BASE, "recipe": "int9"}                                                | recipe: 'int9' is unknown: did you mean 'int8'?
            {BASE, "recipe": {"calibrate": {"range": "guess"}}} | recipe.calibrate.range: 'guess' is unknown: there are minmax,
            {BASE, "recipe": {"tune": {"bias": "yes"}}}                             | recipe.tune.bias: string found, boolean expected
            {BASE, "evaluation": {"data": "s3://b1x/v.npz", "metric": "mood"}}      | evaluation.metric: 'mood' is unknown: there are top1,
            {BASE, "evaluation": {"metric": "top1"}}                                | evaluation.data: required property
            {BASE, "evaluation": {"data": "s3://b1x/v.npz", "metric": "s3://b1x/m.py"}} | evaluation.metric: does not match
            {BASE, "evaluation": {"data": "s3://b1x/v.npz", "metric": "s3://b1x/../m.onnx"}} | not an object key
            {BASE, "evaluation": {"data": "s3://b1x/v.npz", "metric": "top1", "better": "more"}} | evaluation.better: 'more' is unknown
            {BASE, "evaluation": {"data": "s3://b1x/v.npz", "metric": "top1", "better": "lower"}} | evaluation.better: it is known for
            {BASE, "evaluation": {"data": "s3://b1x/v.npz", "metric": "s3://b1x/m.onnx", "output": "y"}} | evaluation.output: the inputs
            {BASE, "inputs": {"h0": {"batch": -1}}}                                 | inputs.h0.batch: must
            {BASE, "inputs": {"h0": {"batch": 1, "constant": true}}}                | inputs.h0: must have at most 1
            {BASE, "inputs": {"h0": {}}}                                            | inputs.h0: must have at least 1
            {BASE, "normalize": {"image": {"mean": [0.5], "std": [0]}}}             | normalize.image.std[0]: must have an exclusive minimum
            {"model": "/etc/passwd", "calibration": "s3://b1x/c.npz"}               | model: does not match
            {"model": "s3://b1x/../m.onnx", "calibration": "s3://b1x/c.npz"}        | not an object key
            {BASE, "recipe": {"products": "sums"}} | recipe.products: 'sums' is unknown: there are standard, matmulnbits
            {BASE, "recipe": {"calibrate": {"softmax": "hat"}}}                     | recipe.calibrate.softmax: 'hat' is unknown
            {BASE, "recipe": {"weightBits": 1}}                                     | recipe.weightBits: must
            {BASE, "recipe": {"weightBits": 17}}                                    | recipe.weightBits: must
            {BASE, "recipe": {"tune": {"samples": 0}}}                              | recipe.tune.samples: must
            {BASE, "recipe": {"tune": {"training": {"steps": 0}}}}                  | recipe.tune.training.steps: must
            {BASE, "recipe": {"tune": {"training": {"batch": 0}}}}                  | recipe.tune.training.batch: must
            {BASE, "recipe": {"tune": {"training": {"mix": 1.1}}}}                  | recipe.tune.training.mix: must
            {BASE, "recipe": {"tune": {"training": {"loss": "kl"}}}}                | recipe.tune.training.loss: 'kl' is unknown
            {BASE, "recipe": {"tune": {"training": {"rates": {"weights": -1}}}}}    | recipe.tune.training.rates.weights: must
            {BASE, "recipe": {"tune": {"quanttune": {"lambda": -1}}}}               | recipe.tune.quanttune.lambda: must
            {BASE, "recipe": {"goal": {}}}                                          | recipe.goal.drop: required property
            {BASE, "recipe": {"activationBits": 20}}                                | recipe.activationBits: must
            {BASE, "recipe": {"calibrate": {"granularity": "row"}}}                 | recipe.calibrate.granularity: 'row' is unknown
            {BASE, "recipe": {"calibrate": {"block": 20}}}                          | recipe.calibrate.block: does not have
            {BASE, "recipe": {"tune": {"layers": "all"}}}                           | recipe.tune.layers: 'all' is unknown
            {BASE, "recipe": {"tune": {"quanttune": {"k": 0}}}}                     | recipe.tune.quanttune.k: must have an exclusive
            {BASE, "recipe": {"tune": {"quanttune": {"batch": 1.5}}}}               | recipe.tune.quanttune.batch: number found
            {BASE, "recipe": {"preset": "mixed", "allocate": {"size": 2}}}          | recipe.allocate.size: must
            {BASE, "recipe": {"preset": "mixed", "allocate": {"pinned": {"a": 4}}}} | recipe.allocate.pinned.a: integer found
            {BASE, "training": {"data": "s3://b1x/t.npz", "loss": "joy"}}           | training.loss: 'joy' is unknown
            {BASE, "recipe": "w8a8-fast", "training": {"data": "s3://b1x/t.npz"}}   | training: recipe.tune.quanttune is false
            [1]                                                                     | request: array found, object expected
            """, quoteCharacter = '`')
    void anUnusableFieldIsNamed(String request, String message) {
        var refusal = assertThrows(BadInput.class, () -> read(request.replace("BASE", BASE)));

        assertTrue(refusal.getMessage().startsWith(message), refusal.getMessage());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {BASE, "colour": "red"}                                           | colour: no such field: there are id, model,
            {BASE, "recipie": "int8"}                                         | recipie: no such field: did you mean 'recipe'?
            {BASE, "metric": "top1"}                                          | metric: no such field: did you mean evaluation.metric?
            {BASE, "recipe": {"Calibrate": {}}}                               | recipe.Calibrate: no such field: did you mean 'calibrate'?
            {BASE, "recipe": {"range": "mae"}} | recipe.range: no such field: did you mean recipe.calibrate.range?
            {BASE, "recipe": {"calibrate": {"rnage": "mae"}}}                 | recipe.calibrate.rnage: no such field: did you mean 'range'?
            {BASE, "recipe": {"tune": {"mix": 0}}} | recipe.tune.mix: no such field: did you mean recipe.tune.training.mix?
            {BASE, "recipe": {"tune": {"training": {"rates": {"bias": 0}}}}} | recipe.tune.training.rates.bias: no such field: did you
            {BASE, "recipe": {"tune": {"quanttune": {"lamda": 0}}}} | recipe.tune.quanttune.lamda: no such field: did you mean 'lambda'?
            {BASE, "recipe": {"allocate": {"sise": 0.5}}}                     | recipe.allocate.sise: no such field: did you mean 'size'?
            {BASE, "recipe": {"goal": {"dorp": 0.5}}}                         | recipe.goal.dorp: no such field: did you mean 'drop'?
            {BASE, "normalize": {"image": {"mean": [0.5], "sdt": [0.5]}}}     | normalize.image.sdt: no such field: did you mean 'std'?
            {BASE, "evaluation": {"date": "s3://b1x/v.npz"}}                  | evaluation.date: no such field: did you mean 'data'?
            {BASE, "training": {"data": "s3://b1x/t.npz", "los": "distill"}}  | training.los: no such field: did you mean 'loss'?
            """, quoteCharacter = '`')
    void anUnknownFieldIsNamedWithTheNearestRightOne(String request, String message) {
        var refusal = assertThrows(BadInput.class, () -> read(request.replace("BASE", BASE)));

        assertTrue(refusal.getMessage().startsWith(message), refusal.getMessage());
    }

    @Test
    void trainingDataAsksForFineTuning() {
        var without = read("{BASE}".replace("BASE", BASE)).recipe().tune();
        var with = read("{BASE, \"training\": {\"data\": \"s3://b1x/t.npz\"}}".replace("BASE", BASE))
                .recipe()
                .tune();
        var own = read("{BASE, \"recipe\": {\"tune\": {\"quanttune\": {\"k\": 4}}}}".replace("BASE", BASE))
                .recipe()
                .tune();

        assertTrue(without.quanttune().isEmpty());
        assertEquals(Json.part(Recipe.QuantTune.class, "{}"), with.quanttune().orElseThrow());
        assertEquals(4, own.quanttune().orElseThrow().k());
    }

    @Test
    void whatAPresetAimsAtIsForThoseWhoDoNotSayWhatToKeep() {
        // Given recipes that say what to keep in several ways
        var preset = allocate("\"mixed\"");
        var size = allocate("{\"preset\": \"mixed\", \"allocate\": {\"size\": 0.2}}");
        var goal = allocate("{\"preset\": \"mixed\", \"goal\": {\"drop\": 0.005}}");
        var loss = allocate("{\"preset\": \"mixed\", \"allocate\": {\"loss\": 0.02}}");
        var both = allocate("{\"preset\": \"mixed\", \"goal\": {\"drop\": 0.005}, \"allocate\": {\"size\": 0.2}}");
        var own = allocate("{\"preset\": \"mixed\", \"goal\": {\"drop\": 0.005}, \"allocate\": {\"aim\": 0.3}}");

        // Then the preset's aim is left to the first, and nobody gets a limit that was not stated
        assertEquals(
                List.of("0.15", "-", "-", "-", "-", "0.3"),
                Stream.of(preset, size, goal, loss, both, own)
                        .map(one -> one.aim().map(String::valueOf).orElse("-"))
                        .toList());
        assertEquals(
                List.of("-", "0.2", "-", "-", "0.2", "-"),
                Stream.of(preset, size, goal, loss, both, own)
                        .map(one -> one.size().map(String::valueOf).orElse("-"))
                        .toList());
    }

    private static Recipe.Allocate allocate(String recipe) {
        return read("{" + BASE + ", \"recipe\": " + recipe + "}")
                .recipe()
                .allocate()
                .orElseThrow();
    }

    @ParameterizedTest
    @CsvSource({"s3://bucket/a/b.npz,b.npz", "s3://bucket/a/b/,b/", "s3://bucket/a,a"})
    void aReferenceKeepsItsText(String text, String name) {
        var ref = ObjectRef.parse(text);

        assertEquals(text, ref.toString());
        assertEquals(name, ref.name());
    }

    private static JobRequest read(String request) {
        try {
            return JobReader.read(Json.MAPPER.readTree(request), "given");
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(e);
        }
    }
}
