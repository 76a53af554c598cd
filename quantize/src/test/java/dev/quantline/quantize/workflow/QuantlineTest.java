package dev.quantline.quantize.workflow;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ModelFile;
import dev.quantline.quantize.settings.RecipeReader;
import dev.quantline.quantize.workflow.Quantline.Stage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** The whole way in one call; that its file equals that of the services is tested in the exporter's module. */
class QuantlineTest {
    private static final int SAMPLES = 300;

    @TempDir
    Path folder;

    private Path model;
    private Path data;

    @BeforeEach
    void writeInputs() throws IOException {
        model = folder.resolve("model.onnx");
        ModelFile.write(Networks.mlp(1), model);
        data = Data.write(folder.resolve("data.npz"), Data.rows(SAMPLES, 2));
    }

    @Test
    void theListenerHearsEveryStageFromItsBeginningToItsEnd() throws IOException {
        var out = folder.resolve("out");
        var heard = new EnumMap<Stage, Double>(Stage.class);

        var quantized = Quantline.quantize(
                model,
                Quantline.Data.of(data),
                QuantizationSettings.of(RecipeReader.preset("int8")),
                out,
                (stage, fraction, message) -> {
                    assertTrue(fraction >= heard.getOrDefault(stage, 0.0) - 1e-9, stage + " went back: " + message);
                    assertTrue(heard.keySet().stream().noneMatch(other -> other.compareTo(stage) > 0));
                    heard.put(stage, fraction);
                });

        assertEquals(Set.of(Stage.values()), heard.keySet());
        assertEquals(
                Set.of("profile", "calibrate", "tune", "export"),
                quantized.report().stages().keySet());
        assertEquals("done", quantized.report().status());
        assertTrue(quantized.report().fidelity().cosine() > .99);
        assertEquals(3, quantized.plan().weights().size());
        try (var left = Files.list(out)) {
            assertEquals(
                    Set.of("model.onnx", "report.json", "report.html"),
                    left.map(file -> file.getFileName().toString()).collect(Collectors.toSet()));
        }
    }

    @Test
    void withoutAFolderNothingIsLeftAndTheModelIsWhole() throws IOException {
        var recipe = RecipeReader.preset("w8a8-fast");
        var quantized = Quantline.quantize(model, data, recipe, (_, _, _) -> {});
        var kept = Quantline.quantize(
                model,
                Quantline.Data.of(data),
                QuantizationSettings.of(recipe),
                folder.resolve("out"),
                (_, _, _) -> {});

        ModelFile.write(quantized.model(), folder.resolve("written.onnx"));
        assertEquals(
                kept.model().initializers(),
                ModelFile.read(folder.resolve("written.onnx")).initializers());
    }

    @Test
    void aListenerThatThrowsStopsIt() throws IOException {
        assertThrows(
                CancellationException.class,
                () -> Quantline.quantize(model, data, RecipeReader.preset("int8"), (stage, _, _) -> {
                    if (stage == Stage.CALIBRATE) {
                        throw new CancellationException();
                    }
                }));
    }

    @Test
    void whatWouldHaveNoEffectOrIsUnknownIsRefused() {
        var files = List.of(data);
        var settings = QuantizationSettings.of(RecipeReader.preset("int8"));
        var trains = assertThrows(
                BadInput.class,
                () -> Quantline.quantize(
                        model, new Quantline.Data(files, files, files), settings, folder, (_, _, _) -> {}));
        assertEquals(
                "training data: nothing would use it, because the recipe has no tune.quanttune", trains.getMessage());

        var misspelt = assertThrows(BadInput.class, () -> RecipeReader.preset("w4a5"));
        assertTrue(
                misspelt.getMessage().startsWith("recipe.preset 'w4a5' is unknown: did you mean "),
                misspelt::getMessage);
    }
}
