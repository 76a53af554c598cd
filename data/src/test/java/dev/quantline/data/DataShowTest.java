package dev.quantline.data;

import dev.quantline.data.image.ArrayPictures;
import dev.quantline.data.text.TokenizerFile;
import dev.quantline.fixture.Data;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.NpzArrays;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class DataShowTest {
    @TempDir
    Path folder;

    @Test
    void arraysAndSamplesAreTold() throws IOException, URISyntaxException {
        // Given tokens, a mask and scores
        var arrays = new LinkedHashMap<String, Tensor>();
        arrays.put("input_ids", Tensor.of(new long[] {2, 4, 6, 3, 0, 2, 5, 7, 8, 3}, 2, 5));
        arrays.put("attention_mask", Tensor.of(new long[] {1, 1, 1, 1, 0, 1, 1, 1, 1, 1}, 2, 5));
        arrays.put("scores", Tensor.vector(2.5f, Float.NaN));
        var file = Data.write(folder.resolve("text.npz"), arrays);
        var tokenizer = Path.of(
                TokenizerFile.class.getResource("sentences-tokenizer.json").toURI());
        // When they are shown with a tokenizer
        try (var npz = NpzArrays.open(file);
                var text = TokenizerFile.open(tokenizer, OptionalInt.empty())) {
            var table = DataShow.table(DataShow.arrays(npz));
            var samples = DataShow.samples(npz, 2, Optional.of(text::decode));
            // Then figures are there, and texts without what the mask hides
            assertTrue(table.get(1).matches("input_ids +INT64 +\\[2, 5] +0 +8 +4"), table::toString);
            assertTrue(
                    table.get(3).matches("scores +FLOAT +\\[2] +2.500 +2.500 +2.500 +1 values are NaN or infinite"),
                    table::toString);
            assertEquals(
                    List.of(
                            "input_ids[0]  \"[CLS] the cat [SEP]\"",
                            "input_ids[1]  \"[CLS] a dog sleeps [SEP]\"",
                            "attention_mask[0]  1 1 1 1 0",
                            "attention_mask[1]  1 1 1 1 1",
                            "scores[0]  2.500",
                            "scores[1]  NaN"),
                    samples);
        }
    }

    @Test
    void picturesOfEitherLayoutAreWritten() throws IOException {
        // Given a red pixel in a black picture, channels first and last, bytes and floats
        var first = new byte[12];
        first[1] = -1;
        var last = new float[12];
        last[3] = 2;
        var arrays = new LinkedHashMap<String, Tensor>();
        arrays.put("first", Tensor.of(DataType.UINT8, first, 1, 3, 2, 2));
        arrays.put("last", Tensor.of(last, 1, 2, 2, 3));
        arrays.put("x", Tensor.of(new float[4], 1, 4));
        var file = Data.write(folder.resolve("pictures.npz"), arrays);
        // When they are written
        try (var npz = NpzArrays.open(file)) {
            var written = ArrayPictures.write(npz, 5, folder.resolve("png"));
            // Then both are the same picture
            assertEquals(
                    List.of("first-0000.png", "last-0000.png"),
                    written.stream().map(path -> path.getFileName().toString()).toList());
            for (var path : written) {
                var picture = ImageIO.read(Files.newInputStream(path));
                assertEquals(0xffff0000, picture.getRGB(1, 0));
                assertEquals(0xff000000, picture.getRGB(0, 0));
                assertEquals(0xff000000, picture.getRGB(0, 1));
            }
        }
    }
}
