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
        var read = read(
                "{'do_normalize': true, 'do_resize': true, 'feature_extractor_type': 'ViTFeatureExtractor', 'resample': 2, "
                        + "'size': 224" + HALF);

        assertEquals(new Fit.Stretch(new Size(224, 224)), read.fit());
        assertEquals(Filter.BILINEAR, read.filter());
        assertEquals(Optional.empty(), read.crop());
        assertArrayEquals(new float[] {.5f, .5f, .5f}, read.normalization().mean());
    }

    @Test
    void oneNumberIsTheShorterSideForSome() throws IOException {
        var clip = read(
                "{'feature_extractor_type': 'CLIPFeatureExtractor', 'size': 224, 'do_center_crop': true, 'crop_size': 224, "
                        + "'resample': 3" + HALF);
        assertEquals(new Fit.ShorterSide(224), clip.fit());
        assertEquals(Optional.of(new Size(224, 224)), clip.crop());
        assertEquals(new Size(299, 224), clip.fit().resized(400, 299));

        var levit = read(
                "{'image_processor_type': 'LevitImageProcessor', 'size': {'shortest_edge': 224}, 'do_center_crop': true, "
                        + "'crop_size': {'height': 224, 'width': 224}, 'resample': 3" + HALF);
        assertEquals(new Fit.ShorterSide(256), levit.fit());
    }

    @Test
    void aShareIsCutOff() throws IOException {
        var small = read(
                "{'image_processor_type': 'ConvNextImageProcessor', 'size': {'shortest_edge': 224}, 'crop_pct': 0.875"
                        + HALF);
        assertEquals(new Fit.ShorterSide(256), small.fit());
        assertEquals(Optional.of(new Size(224, 224)), small.crop());

        var large = read(
                "{'image_processor_type': 'ConvNextImageProcessor', 'size': {'shortest_edge': 384}, 'crop_pct': 0.875"
                        + HALF);
        assertEquals(new Fit.Stretch(new Size(384, 384)), large.fit());
        assertEquals(Optional.empty(), large.crop());
    }

    @Test
    void otherFactorsBecomeOtherMeans() throws IOException {
        // (value / 127.5 - 0.5) / 0.5 is (value / 255 - 0.25) / 0.25.
        var halved =
                read("{'size': 8, 'rescale_factor': 0.00784313725490196" + HALF).normalization();
        assertArrayEquals(new float[] {.25f, .25f, .25f}, halved.mean(), 1e-6f);
        assertArrayEquals(new float[] {.25f, .25f, .25f}, halved.std(), 1e-6f);

        var raw = read("{'size': 8, 'do_rescale': false, 'do_normalize': false" + HALF)
                .normalization();
        assertArrayEquals(new float[] {1 / 255f, 1 / 255f, 1 / 255f}, raw.std(), 1e-9f);
    }

    /** Sizes by get_size_with_aspect_ratio: 640 x 480 and 480 x 640 become 1066 x 800, 2000 x 500 is held at 1333 x 333. */
    @Test
    void aDetectorsLongerSideHasALimit() throws IOException {
        for (var json : new String[] {
            "{'image_processor_type': 'DetrImageProcessor', 'do_pad': true, 'size': {'shortest_edge': 800, "
                    + "'longest_edge': 1333}",
            "{'feature_extractor_type': 'DetrFeatureExtractor', 'size': 800, 'max_size': 1333"
        }) {
            var fit = read(json + HALF).fit();

            assertEquals(new Size(1066, 800), fit.resized(640, 480));
            assertEquals(new Size(800, 1066), fit.resized(480, 640));
            assertEquals(new Size(1333, 333), fit.resized(2000, 500));
            assertEquals(new Size(900, 800), fit.resized(900, 800));
            // 1333 * 500 / 1999 is 333.4: the shorter side is rounded, the longer one is what it comes to.
            assertEquals(new Size(1333, 333), fit.resized(1999, 500));
        }
        assertEquals(
                new Size(200, 100),
                read("{'image_processor_type': 'DetrImageProcessor', 'size': {'max_height': 100, " + "'max_width': 300}"
                                + HALF)
                        .fit()
                        .resized(400, 200));
    }

    @Test
    void whatAConfigurationLeavesOutIsItsClasssDefault() throws IOException {
        var deit = read("{'image_processor_type': 'DeiTImageProcessor', 'size': 256, 'crop_size': 224" + HALF);
        assertEquals(new Fit.Stretch(new Size(256, 256)), deit.fit());
        assertEquals(Filter.BICUBIC, deit.filter());
        assertEquals(Optional.of(new Size(224, 224)), deit.crop());

        var efficient = read(
                "{'image_processor_type': 'EfficientNetImageProcessor', 'size': {'height': 224, 'width': 224}" + HALF);
        assertEquals(Filter.NEAREST, efficient.filter());
        assertEquals(Optional.empty(), efficient.crop());

        var convnext = read("{'image_processor_type': 'ConvNextImageProcessor', 'size': {'shortest_edge': 224}" + HALF);
        assertEquals(new Fit.ShorterSide(256), convnext.fit());
        assertEquals(Optional.of(new Size(224, 224)), convnext.crop());

        var pool = read(
                "{'image_processor_type': 'PoolFormerImageProcessor', 'size': {'shortest_edge': 224}, 'crop_size': 224"
                        + HALF);
        assertEquals(new Fit.ShorterSide(248), pool.fit());
        assertEquals(Optional.of(new Size(224, 224)), pool.crop());

        var mobile = read(
                "{'image_processor_type': 'MobileViTImageProcessor', 'size': {'shortest_edge': 288}, 'crop_size': 256"
                        + HALF);
        assertTrue(mobile.reversed());
        assertEquals(Optional.of(new Size(256, 256)), mobile.crop());
    }

    @Test
    void anOffsetMakesBytesMinusOneToOne() throws IOException {
        // value / 127.5 - 1 is (value / 255 - 0.5) / 0.5
        var plain =
                read("{'size': 8, 'rescale_factor': 0.00784313725490196, 'rescale_offset': true, 'do_normalize': false}")
                        .normalization();
        assertArrayEquals(new float[] {.5f, .5f, .5f}, plain.mean(), 1e-6f);
        assertArrayEquals(new float[] {.5f, .5f, .5f}, plain.std(), 1e-6f);

        // (value / 127.5 - 1 - 0.5) / 0.5 is (value / 255 - 0.75) / 0.25
        var normalized = read("{'size': 8, 'rescale_factor': 0.00784313725490196, 'rescale_offset': true" + HALF)
                .normalization();
        assertArrayEquals(new float[] {.75f, .75f, .75f}, normalized.mean(), 1e-6f);
        assertArrayEquals(new float[] {.25f, .25f, .25f}, normalized.std(), 1e-6f);
    }

    /** {@code include_top}, true unless said otherwise: ((value / 255 - mean) / std - 0) / std. */
    @Test
    void anEfficientNetsClassifierDividesTwice() throws IOException {
        var top = read("{'image_processor_type': 'EfficientNetImageProcessor', 'size': 8" + HALF)
                .normalization();
        assertArrayEquals(new float[] {.5f, .5f, .5f}, top.mean(), 1e-6f);
        assertArrayEquals(new float[] {.25f, .25f, .25f}, top.std(), 1e-6f);

        var features =
                read("{'image_processor_type': 'EfficientNetImageProcessor', 'size': 8, 'include_top': false" + HALF);
        assertArrayEquals(new float[] {.5f, .5f, .5f}, features.normalization().std(), 1e-6f);
    }

    @Test
    void whatIsNotUnderstoodIsNamed() {
        assertTrue(refused("{'size': {'longest_edge': 1024}" + HALF).contains("only a longest_edge"));
        assertTrue(refused("{'size': 8, 'rescale_offset': true" + HALF)
                .contains("rescale_offset with a rescale_factor other"));
        assertTrue(refused("{'size': 8, 'offset': true" + HALF).contains("offset is not supported: use --normalize"));
        assertTrue(refused("{'image_processor_type': 'SamImageProcessor', 'size': 8, 'do_pad': true" + HALF)
                .contains("do_pad"));
        assertTrue(refused(
                        "{'image_processor_type': 'DetrImageProcessor', 'size': 8, 'do_pad': true, 'pad_size': {'height': 9, 'width': 9}"
                                + HALF)
                .contains("do_pad"));
        for (var field : new String[] {
            "'do_thumbnail': true",
            "'do_color_quantize': true",
            "'size_divisor': 32",
            "'keep_aspect_ratio': true",
            "'ensure_multiple_of': 32",
            "'image_grid_pinpoints': [[336, 672]]",
            "'crop_pct': 0.9"
        }) {
            var name = field.substring(1, field.indexOf('\'', 1));
            assertTrue(
                    refused("{'size': {'height': 8, 'width': 8}, " + field + HALF)
                            .contains(name),
                    name);
        }
        assertTrue(refused("{'image_processor_type': 'BitImageProcessor', 'size': {'shortest_edge': 8}, 'crop_pct': 0.9"
                        + HALF)
                .contains("crop_pct is only supported for ConvNeXt and PoolFormer: use --size and --fit"));
        assertTrue(refused("{'size': 8, 'resample': 9" + HALF).contains("unknown filter 9"));
        assertTrue(refused("{'size': 8}").contains("image_mean is missing"));
        assertTrue(refused("{'tokenizer_class': 'BertTokenizer'}")
                .contains("not the configuration of a picture preprocessor"));
        assertTrue(refused("{").contains("is not JSON"));
    }

    @Test
    void whatWouldDoNothingIsNoReasonToRefuse() throws IOException {
        var read = read(
                "{'size': 8, 'size_divisor': 1, 'keep_aspect_ratio': false, 'do_thumbnail': false, 'do_pad': false, "
                        + "'do_reduce_labels': true, 'ensure_multiple_of': null, 'do_convert_rgb': true" + HALF);

        assertEquals(new Fit.Stretch(new Size(8, 8)), read.fit());
        read.checkChannels(3);
        assertTrue(assertThrows(BadInput.class, () -> read.checkChannels(1))
                .getMessage()
                .contains("do_convert_rgb"));
    }

    private String refused(String json) {
        return assertThrows(BadInput.class, () -> {
                    var read = read(json);
                    read.fit();
                    read.crop();
                    read.filter();
                    read.normalization();
                })
                .getMessage();
    }

    private Preprocessor read(String json) throws IOException {
        return Preprocessor.read(
                Files.writeString(folder.resolve("preprocessor_config.json"), json.replace('\'', '"')));
    }
}
