package dev.quantline.pipeline.job;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.quantline.quantize.settings.Json;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class EffectlessTest {
    private static JobRequest read(String recipe, String metric) throws JsonProcessingException {
        var evaluation = metric == null
                ? ""
                : ", \"evaluation\": {\"data\": \"s3://b1x/v.npz\", \"metric\": \"" + metric + "\"}";
        return JobReader.read(
                Json.MAPPER.readTree("{\"model\": \"s3://b1x/m.onnx\", \"calibration\": \"s3://b1x/c.npz\"" + evaluation
                        + ", \"recipe\": " + recipe + "}"),
                "given");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            {"calibrate": {"block": 32}} | recipe.calibrate.block has no effect: calibrate.granularity
            {"preset": "weights4", "calibrate": {"range": "mae"}}               | recipe.calibrate.range has no effect: activationBits is 32
            {"preset": "weights4", "calibrate": {"softmax": "tan"}}             | recipe.calibrate.softmax has no effect
            {"preset": "weights4", "calibrate": {"layernorm": "mean"}}          | recipe.calibrate.layernorm has no effect
            {"tune": {"order": "parallel"}}                                     | recipe.tune.order has no effect
            {"preset": "w4a8", "tune": {"sweeps": 8}}                           | recipe.tune.sweeps has no effect: no pieces
            {"tune": {"sweeps": 8}}                                             | recipe.tune.sweeps has no effect
            {"preset": "w4a8", "tune": {"layers": "adaround", "blocks": ["a"]}} | recipe.tune.blocks has no effect
            {"tune": {"affine": true}}                                          | recipe.tune.affine has no effect
            {"tune": {"whole": "logits"}}                                       | recipe.tune.whole has no effect
            {"preset": "w4a8", "tune": {"write": true}}                         | recipe.tune.write has no effect
            {"tune": {"minutes": 5}}                                            | recipe.tune.minutes has no effect
            {"tune": {"quanttune": {"lambda": 0, "k": 3}}}                      | recipe.tune.quanttune.k has no effect
            {"tune": {"training": {"steps": 5}}} | recipe.tune.training.steps has no effect: tune.layers is off
            {"preset": "w4a8", "tune": {"minutes": 1, "training": {"steps": 5}}} | recipe.tune.training.steps has no effect: tune.minutes
            {"preset": "w4a8", "tune": {"training": {"rates": {"decision": 1}}}} | recipe.tune.training.rates.decision has no effect
            {"goal": {"drop": 0.01}}                                            | recipe.goal.drop bounds 1 - cosine
            """)
    void whatHasNoEffectIsNamedWithTheReason(String recipe, String note) throws JsonProcessingException {
        var notes = read(recipe, null).notes();

        assertEquals(1, notes.size(), notes.toString());
        assertTrue(notes.getFirst().startsWith(note), notes.toString());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "\"int8\"",
                "\"weights4\"",
                "\"w4a8\"",
                "\"mixed\"",
                "{\"calibrate\": {\"granularity\": \"block\", \"block\": 64}}",
                "{\"tune\": {\"affine\": false, \"whole\": \"off\", \"blocks\": []}}",
                "{\"preset\": \"w4a8\", \"tune\": {\"order\": \"rounded\", \"sweeps\": 8}}",
                "{\"preset\": \"w4a8\", \"tune\": {\"order\": \"parallel\", \"training\": {\"steps\": 5, \"ahead\": 1}}}"
            })
    void presetsAndWhatWorksAreNotRemarkedOn(String recipe) throws JsonProcessingException {
        assertEquals(List.of(), read(recipe, null).notes());
    }

    @Test
    void theMetricDecidesWhatTheWholeNetworkAndItsTextAreFor() throws JsonProcessingException {
        assertEquals(
                List.of(),
                read("{\"preset\": \"w4a8\", \"tune\": {\"whole\": \"logits\", \"write\": true}}", "perplexity")
                        .notes());
    }

    @Test
    void aCompleteRequestKeepsItsRemarks() throws JsonProcessingException {
        var job = read("{\"calibrate\": {\"block\": 64}}", null);

        assertEquals(job, JobReader.read(Json.tree(job), "other"));
        assertEquals(1, job.notes().size());
    }
}
