package dev.quantline.console.command;

import dev.quantline.pipeline.job.JobField;
import dev.quantline.pipeline.job.JobReader;
import dev.quantline.quantize.settings.Json;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class ExplainCommandTest {
    @ParameterizedTest
    @ValueSource(strings = {"calibrate.range", "recipe.calibrate.range", "Recipe.Calibrate.RANGE"})
    void aFieldIsToldWhateverItsPathBeginsWith(String name) {
        // Given a field of the recipe
        // When it is asked about
        var said = Said.by("explain", name);
        // Then all that the schema and the presets say of it is there
        assertEquals(0, said.code(), said.err());
        assertEquals(
                List.of(
                        "recipe.calibrate.range",
                        "  How the range of an activation is chosen; auto tries all on the layers that read it.",
                        "  type     string",
                        "  values   minmax, movingaverage, percentile, entropy, mse, mae, auto",
                        "  default  \"mse\""),
                said.out().lines().toList());
    }

    @Test
    void whatPresetsSetDifferentlyIsToldByPreset() {
        // When a setting that most presets change is asked about
        var said = Said.by("explain", "recipe.tune.layers");
        // Then its value stands with the presets that have it
        assertTrue(said.out().contains("default  \"off\" with int8, w8a8-fast"), said.out());
        assertTrue(said.out().contains("\"reconstruct\" with w6a6, w4a8, w4a4"), said.out());
        assertTrue(Said.by("explain", "quanttune").out().contains("default  false with w8a8-fast, weights4\n"));
    }

    @Test
    void anObjectNamesItsFieldsAndANameAloneAllThatHaveIt() {
        assertTrue(
                Said.by("explain", "goal").out().contains("  fields   drop\n"),
                Said.by("explain", "goal").out());
        assertTrue(Said.by("explain", "normalize").out().contains("  fields   NAME.mean, NAME.std\n"));
        assertEquals(
                List.of("training.loss", "recipe.tune.training.loss", "recipe.allocate.loss"),
                Said.by("explain", "loss")
                        .out()
                        .lines()
                        .filter(line -> !line.startsWith(" "))
                        .toList());
    }

    @ParameterizedTest
    @CsvSource({
        "calibrate.rnage, recipe.calibrate.range",
        "recipe.tune.layer, recipe.tune.layers",
        "gaol, recipe.goal",
        "calibrate.layers, recipe.tune.layers"
    })
    void anUnknownNameIsAnsweredWithTheNearest(String name, String meant) {
        var said = Said.by("explain", name);
        assertEquals(2, said.code());
        assertTrue(said.err().contains("did you mean ") && said.err().contains(meant), said.err());
        assertEquals(1, said.err().lines().count());
    }

    @Test
    void theSchemaIsPrintedWhole() throws Exception {
        assertEquals(
                JobReader.publishedSchema(),
                Json.MAPPER.readTree(Said.by("explain", "--schema").out()));
    }

    @Test
    void withoutANameEveryFieldIsALine() throws Exception {
        var all = JobField.all();
        assertEquals(
                all.stream().map(JobField::path).toList(),
                Said.by("explain").out().lines().map(line -> line.split(" ")[0]).toList());
        assertEquals(
                all.size(),
                Json.MAPPER.readTree(Said.by("explain", "--json").out()).size());
    }
}
