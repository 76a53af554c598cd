package dev.quantline.data.image;

import dev.quantline.onnx.BadInput;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Configurations as they are published, and what the library they are for does by them. */
class PreprocessorTest {
    private static final String HALF = ", 'image_mean': [0.5, 0.5, 0.5], 'image_std': [0.5, 0.5, 0.5]}";

    @TempDir
    Path folder;

    @Test
    void aVisionTransformersPicturesAreStretched() throws IOException {
        var read = read("{'do_normalize': true, 'do_resize': true, 'feature_extractor_type': 'ViTFeatureExtractor', 'resample': 2, "
            + "'size': 224" + HALF);

        assertEquals(new Fit.Stretch(new Size(224, 224)), read.fit());
        assertEquals(Filter.BILINEAR, read.filter());
        assertEquals(Optional.empty(), read.crop());
        assertArrayEquals(new float[] {.5f, .5f, .5f}, read.normalization().mean());
    }

    @Test
    void oneNumberIsTheShorterSideForSome() throws IOException {
        var clip = read("{'feature_extractor_type': 'CLIPFeatureExtractor', 'size': 224, 'do_center_crop': true, 'crop_size': 224, "
            + "'resample': 3" + HALF);
        assertEquals(new Fit.ShorterSide(224), clip.fit());
        assertEquals(Optional.of(new Size(224, 224)), clip.crop());
        assertEquals(new Size(299, 224), clip.fit().resized(400, 299));

        var levit = read("{'image_processor_type': 'LevitImageProcessor', 'size': {'shortest_edge': 224}, 'do_center_crop': true, "
            + "'crop_size': {'height': 224, 'width': 224}, 'resample': 3" + HALF);
        assertEquals(new Fit.ShorterSide(256), levit.fit());
    }

    @Test
    void aShareIsCutOff() throws IOException {
        var small = read("{'image_processor_type': 'ConvNextImageProcessor', 'size': {'shortest_edge': 224}, 'crop_pct': 0.875" + HALF);
        assertEquals(new Fit.ShorterSide(256), small.fit());
        assertEquals(Optional.of(new Size(224, 224)), small.crop());

        var large = read("{'image_processor_type': 'ConvNextImageProcessor', 'size': {'shortest_edge': 384}, 'crop_pct': 0.875" + HALF);
        assertEquals(new Fit.Stretch(new Size(384, 384)), large.fit());
        assertEquals(Optional.empty(), large.crop());
    }

    @Test
    void otherFactorsBecomeOtherMeans() throws IOException {
        // (value / 127.5 - 0.5) / 0.5 is (value / 255 - 0.25) / 0.25.
        var halved = read("{'size': 8, 'rescale_factor': 0.00784313725490196" + HALF).normalization();
        assertArrayEquals(new float[] {.25f, .25f, .25f}, halved.mean(), 1e-6f);
        assertArrayEquals(new float[] {.25f, .25f, .25f}, halved.std(), 1e-6f);

        var raw = read("{'size': 8, 'do_rescale': false, 'do_normalize': false" + HALF).normalization();
        assertArrayEquals(new float[] {1 / 255f, 1 / 255f, 1 / 255f}, raw.std(), 1e-9f);
    }

    @Test
    void whatIsNotUnderstoodIsNamed() {
        assertTrue(refused("{'size': {'shortest_edge': 800, 'longest_edge': 1333}" + HALF).contains("give --size and --fit"));
        assertTrue(refused("{'size': 8, 'rescale_offset': true" + HALF).contains("rescale_offset"));
        assertTrue(refused("{'size': 8, 'resample': 9" + HALF).contains("no filter has the number 9"));
        assertTrue(refused("{'size': 8}").contains("image_mean is missing"));
        assertTrue(refused("{'tokenizer_class': 'BertTokenizer'}").contains("no configuration of a picture preprocessor"));
        assertTrue(refused("{").contains("is not JSON"));
    }

    private String refused(String json) {
        return assertThrows(BadInput.class, () -> read(json)).getMessage();
    }

    private Preprocessor read(String json) throws IOException {
        return Preprocessor.read(Files.writeString(folder.resolve("preprocessor_config.json"), json.replace('\'', '"')));
    }
}
