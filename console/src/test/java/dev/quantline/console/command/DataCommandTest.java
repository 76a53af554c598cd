package dev.quantline.console.command;

import dev.quantline.data.NormalizeFile;
import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Normalization;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.pipeline.job.JobReader;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.fixture.Stages;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.Json;
import java.awt.image.BufferedImage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class DataCommandTest {
    @TempDir
    Path folder;

    @BeforeEach
    void writeModels() throws Exception {
        ModelFile.write(Networks.conv(1), folder.resolve("conv.onnx"));
        ModelFile.write(Networks.transformer(1), folder.resolve("transformer.onnx"));
    }

    @Test
    void aFolderOfPicturesBecomesDataThatTheStagesTake() throws Exception {
        // Given two folders of pictures
        var random = new Random(3);
        for (int i = 0; i < 40; i++) {
            var picture = new BufferedImage(12, 10, BufferedImage.TYPE_INT_RGB);
            for (int p = 0; p < 120; p++) {
                picture.setRGB(p % 12, p / 12, random.nextInt(1 << 24));
            }
            var file = folder.resolve(
                    "pictures/" + (i % 2 == 0 ? "cats" : "dogs") + "/" + i + (i % 3 == 0 ? ".jpg" : ".png"));
            Files.createDirectories(file.getParent());
            ImageIO.write(picture, i % 3 == 0 ? "jpg" : "png", file.toFile());
        }
        // When data is made of them, and checked as the last line says it is used
        var made = run(
                "data", "images", "pictures", "--model", "conv.onnx", "--out", "data.npz", "--normalize", "imagenet");
        var checked = run("data", "check", "data.npz", "--model", "conv.onnx", "--normalize", "data.normalize.json");
        // Then classes have numbers, the next command is there, and the stages of a job take model and data
        assertEquals(0, made.code(), made.err());
        assertTrue(made.out().contains("array 'image' UINT8 [40, 3, 8, 8] of 40 pictures"), made.out());
        assertTrue(made.out().contains("labels: 0 cats, 1 dogs"), made.out());
        assertTrue(
                made.out()
                        .matches("(?s).*next: ./quantline quantize \\S+conv.onnx --data \\S+data.npz --normalize "
                                + "\\S+data.normalize.json\\R"),
                made.out());
        assertTrue(made.err().contains("images     100 %  40 pictures"), made.err());
        assertEquals(0, checked.code(), checked.out());
        quantize(Networks.conv(1), NormalizeFile.read(folder.resolve("data.normalize.json")));
        var request = Json.MAPPER
                .createObjectNode()
                .put("model", "s3://quantline/inputs/conv.onnx")
                .put("calibration", "s3://quantline/inputs/data.npz");
        request.set("normalize", SubmitCommand.json(folder.resolve("data.normalize.json")));
        assertEquals(
                3,
                JobReader.read(request, "job").normalize().get("image").mean().size());
    }

    @Test
    void linesOfTextBecomeDataThatTheStagesTake() throws Exception {
        // Given sentences, and the vocabulary beside the model
        var vocabulary = new StringBuilder(
                "{\"model\": {\"type\": \"WordLevel\", \"unk_token\": \"[UNK]\", \"vocab\": {\"[UNK]\": 0");
        for (int i = 1; i < 40; i++) {
            vocabulary.append(", \"w%d\": %d".formatted(i, i));
        }
        Files.writeString(
                folder.resolve("tokenizer.json"), vocabulary + "}}, \"pre_tokenizer\": {\"type\": \"Whitespace\"}}");
        var text = new StringBuilder();
        for (int i = 0; i < 40; i++) {
            text.append("w")
                    .append(i % 39 + 1)
                    .append(" w3 w7".repeat(i % 4 + 1))
                    .append('\n');
        }
        Files.writeString(folder.resolve("text.txt"), text.toString());
        // When data is made, checked and shown
        var made = run("data", "text", "text.txt", "--model", "transformer.onnx", "--out", "data.npz");
        var checked = run("data", "check", "data.npz", "--model", "transformer.onnx");
        var shown = run("data", "show", "data.npz", "--tokenizer", "tokenizer.json", "--samples", "1");
        // Then texts come back, and the stages of a job take model and data
        assertEquals(0, made.code(), made.err());
        assertTrue(made.out().contains("40 sequences of 9 tokens"), made.out());
        assertEquals(0, checked.code(), checked.out());
        assertTrue(shown.out().contains("input_ids[0]  \"w1 w3 w7\""), shown.out());
        var json = Json.MAPPER.readTree(run("data", "show", "data.npz", "--tokenizer", "tokenizer.json", "--json")
                .out());
        assertEquals(
                "[40,9]",
                json.path("arrays")
                        .valueStream()
                        .filter(one -> one.path("array").asText().equals("input_ids"))
                        .findFirst()
                        .orElseThrow()
                        .path("shape")
                        .toString());
        assertTrue(json.path("samples").toString().contains("w1 w3 w7"), json.toString());
        quantize(Networks.transformer(1), Map.of());
    }

    @Test
    void whatAModelCannotTakeIsExitCodeOne() throws Exception {
        Data.write(folder.resolve("rows.npz"), Data.rows(4, 1));

        var said = run("data", "check", "rows.npz", "--model", "conv.onnx");

        assertEquals(1, said.code(), said.err());
        assertTrue(said.out().contains("wrong: the model's input 'image' gets no array"), said.out());
        assertTrue(said.out().contains("doubtful: array 'x' feeds no input"), said.out());
        var json = Json.MAPPER.readTree(run("data", "check", "rows.npz", "--model", "conv.onnx", "--json")
                .out());
        assertEquals(
                List.of("wrong", "doubtful"),
                json.path("findings")
                        .valueStream()
                        .map(one -> one.path("kind").asText())
                        .toList());
        assertTrue(json.has("usable") && !json.path("usable").asBoolean(), json.toString());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "data                                                              | no command given",
                "data image                                                        | did you mean 'images'?",
                "data images . --model conv.onnx --out x.zip --normalize half      | must end with .npz",
                "data images nofolder --model conv.onnx --out x.npz --normalize half   | nofolder: no such folder",
                "data images . --model conv.onnx --out x.npz                       | give --normalize imagenet",
                "data images . --model conv.onnx --out x.npz --normalize half      | has no PNG, JPEG or WebP pictures",
                "data images . --model conv.onnx --out x.npz --size 9              | does not fit",
                "data images . --model conv.onnx --out x.npz --shorter-side 7     | leaves less than the centre crop of 8x8",
                "data images . --model conv.onnx --out x.npz --fill 300           | is not a byte",
                "data images . --model conv.onnx --out x.npz --filter cubic        | did you mean 'bicubic'?",
                "data text none --model transformer.onnx --out x.npz               | --tokenizer is missing",
                "data text a --pair a --model transformer.onnx --out x.npz         | --pair names two columns",
                "data show none.npz                                                | none.npz: no such file",
                "data show conv.onnx                                               | is not an .npz file",
                "data check conv.onnx                                              | --model",
            })
    void whatCannotBeUsedIsOneLineAndExitCodeTwo(String line, String expected) {
        var said = run(line.split(" +"));

        assertEquals(2, said.code(), said.err());
        assertTrue(said.err().contains(expected), said.err());
        assertEquals(1, said.err().lines().count(), said.err());
    }

    private void quantize(Graph network, Map<String, Normalization> normalize) throws Exception {
        try (var data = Dataset.open(List.of(folder.resolve("data.npz")))) {
            var samples = new Samples(data, network, normalize);
            var settings = CalibrateSettings.plain(ActivationRange.MSE, 8, 8, List.of());
            assertTrue(Stages.run(PreparedModel.prepare(network), samples, settings)
                            .plan()
                    != null);
        }
    }

    /** Runs a command line; names of files are taken to be in the test's folder. */
    private Said run(String... arguments) {
        var placed = new String[arguments.length];
        for (int i = 0; i < arguments.length; i++) {
            placed[i] =
                    arguments[i].matches("pictures|none|\\.|\\w+\\.(onnx|npz|zip|json|normalize\\.json|txt)") && i > 1
                            ? folder.resolve(arguments[i]).toString()
                            : arguments[i];
        }
        return Said.by(placed);
    }
}
