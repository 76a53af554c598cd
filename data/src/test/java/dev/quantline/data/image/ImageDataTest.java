package dev.quantline.data.image;

import dev.quantline.data.DataCheck;
import dev.quantline.data.NormalizeFile;
import dev.quantline.data.Subset;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.NpzArrays;
import dev.quantline.onnx.runtime.Progress;
import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class ImageDataTest {
    private static final Color[] COLOURS = {new Color(200, 10, 20), new Color(30, 180, 40), new Color(50, 60, 220)};

    @TempDir
    Path folder;

    @Test
    void subFoldersAreClassesAndArraysAreBytes() throws IOException {
        // Given three folders of one colour each
        var pictures = threeClasses("png");
        // When the data of a network of 8x8 pixels is made
        var result = write(pictures, Networks.conv(1), "imagenet");
        // Then pictures stand behind their classes, in the network's layout, and the check is content with what was
        // written
        assertEquals(6, result.samples());
        assertEquals(
                Map.of(0, "blue", 1, "green", 2, "red"),
                result.classes().orElseThrow().names());
        assertEquals("'image' UINT8 [6, 3, 8, 8]", result.array());
        var image = read("image");
        var labels = read("labels").toLongs();
        for (int i = 0; i < 6; i++) {
            var colour = COLOURS[2 - (int) labels[i]];
            assertEquals(colour.getRed(), image.rows(i, i + 1).get(0));
            assertEquals(colour.getGreen(), image.rows(i, i + 1).get(64));
            assertEquals(colour.getBlue(), image.rows(i, i + 1).get(191));
        }
        assertFalse(Arrays.equals(new long[] {0, 0, 1, 1, 2, 2}, labels), "classes are mixed");
        assertTrue(Files.readString(folder.resolve("out.labels.json")).contains("\"2\" : \"red\""));
        var checked = DataCheck.of(
                folder.resolve("out.npz"),
                Networks.conv(1),
                NormalizeFile.read(result.normalize().orElseThrow()));
        assertEquals(List.of(), checked.findings());
    }

    @Test
    void theSameFilesGiveTheSameBytesAndOthersByAnotherSeed() throws IOException {
        var pictures = threeClasses("png");

        write(pictures, Networks.conv(1), settings("half", 4, 7, false));
        var first = Files.readAllBytes(folder.resolve("out.npz"));
        write(pictures, Networks.conv(1), settings("half", 4, 7, false));
        assertArrayEquals(first, Files.readAllBytes(folder.resolve("out.npz")));
        assertEquals(4, read("labels").dim(0));

        write(pictures, Networks.conv(1), settings("half", 4, 8, false));
        assertFalse(Arrays.equals(first, Files.readAllBytes(folder.resolve("out.npz"))));
    }

    @Test
    void channelsLastAreNormalisedFloats() throws IOException {
        var builder = new GraphBuilder(13, 1);
        builder.op("y", "Relu", builder.input("pixels", DataType.FLOAT, -1, 4, 6, 3));
        var model = builder.output("y", DataType.FLOAT, -1, 4, 6, 3).graph();
        picture(folder.resolve("in/a.png"), COLOURS[0], 30, 20);

        var result = write(folder.resolve("in"), model, "half");

        assertEquals("'pixels' FLOAT [1, 4, 6, 3]", result.array());
        assertTrue(result.normalize().isEmpty() && result.classes().isEmpty());
        var values = read("pixels").toFloats();
        assertEquals(200 / 127.5f - 1, values[0], 1e-6);
        assertEquals(10 / 127.5f - 1, values[1], 1e-6);
        assertEquals(20 / 127.5f - 1, values[71], 1e-6);
    }

    @Test
    void theBytesNormalizedByThePipelineAreTheFloats() throws IOException {
        var pictures = threeClasses("jpg");
        var bytes = write(pictures, Networks.conv(1), "imagenet");
        var scaled =
                NormalizeFile.read(bytes.normalize().orElseThrow()).get("image").apply(read("image"));

        write(
                pictures,
                Networks.conv(1),
                with("imagenet", new Subset(0, 0), false, true, Optional.empty(), ImageSettings.MOST_PIXELS));

        assertArrayEquals(scaled.toFloats(), read("image").toFloats(), 1e-6f);
    }

    @Test
    void aBrokenPictureIsNamedAndSkippedWhenToldSo() throws IOException {
        var pictures = threeClasses("jpg");
        var cut = pictures.resolve("red/cut.jpg");
        picture(cut, COLOURS[0], 64, 64);
        Files.write(cut, Arrays.copyOf(Files.readAllBytes(cut), 640));
        Files.writeString(pictures.resolve("red/text.png"), "no picture");

        var refused = assertThrows(BadInput.class, () -> write(pictures, Networks.conv(1), "half"));
        assertTrue(refused.getMessage().contains("red/"), refused::getMessage);
        assertFalse(Files.exists(folder.resolve("out.npz")));

        var result = write(pictures, Networks.conv(1), settings("half", 0, 0, true));
        assertEquals(6, result.samples());
        assertEquals(2, result.skipped().size());
        assertTrue(
                result.skipped().stream().anyMatch(reason -> reason.contains("cut.jpg is broken")),
                result.skipped()::toString);
        assertTrue(
                result.skipped().stream().anyMatch(reason -> reason.contains("text.png is not a PNG, JPEG or WebP")),
                result.skipped()::toString);
    }

    @Test
    void severalThreadsGiveTheSameBytesAndTheSameError() throws IOException {
        // Given pictures of which every third takes much longer than those behind it
        for (int i = 0; i < 30; i++) {
            var file = folder.resolve("in/" + (char) ('a' + i % 3) + "/" + i + ".jpg");
            picture(file, new Color(8 * i, 255 - 8 * i, i), i % 3 == 0 ? 900 : 9, 40);
        }
        var all = settings("half", 0, 3, false);
        var single = write(folder.resolve("in"), all, 1);
        var bytes = Files.readAllBytes(folder.resolve("out.npz"));
        // When they are read by one thread, and by several
        for (int threads : new int[] {2, 3, 16}) {
            Files.delete(folder.resolve("out.npz"));
            assertEquals(single, write(folder.resolve("in"), all, threads));
            assertArrayEquals(bytes, Files.readAllBytes(folder.resolve("out.npz")), threads + " threads");
        }
        // Then also of several broken ones the first in the order of the samples is named
        for (var broken : List.of("b/1.jpg", "c/17.jpg", "a/24.jpg")) {
            Files.writeString(folder.resolve("in/" + broken), "no picture");
        }
        var first = assertThrows(BadInput.class, () -> write(folder.resolve("in"), all, 1))
                .getMessage();
        for (int threads : new int[] {2, 16}) {
            assertEquals(
                    first,
                    assertThrows(BadInput.class, () -> write(folder.resolve("in"), all, threads))
                            .getMessage());
        }
        var skipping = settings("half", 0, 3, true);
        assertEquals(
                write(folder.resolve("in"), skipping, 1).skipped(),
                write(folder.resolve("in"), skipping, 16).skipped());
    }

    @Test
    void picturesOfTooManyPixelsAreRefusedByTheirHeader() throws IOException {
        // Given a PNG that says it has 60,000 x 60,000 pixels, and holds none
        var bytes = Files.readAllBytes(picture(folder.resolve("in/bomb.png"), COLOURS[0], 8, 8));
        for (int at : new int[] {16, 20}) {
            bytes[at + 2] = (byte) (60000 >> 8);
            bytes[at + 3] = (byte) 60000;
        }
        Files.write(folder.resolve("in/bomb.png"), bytes);

        var refused = assertThrows(BadInput.class, () -> write(folder.resolve("in"), Networks.conv(1), "half"));

        assertTrue(
                refused.getMessage().contains("bomb.png has 60000 x 60000 pixels, more than the limit of 100000000"),
                refused::getMessage);
    }

    @Test
    void aPreprocessorsConfigurationIsFollowed() throws IOException {
        var builder = new GraphBuilder(13, 1);
        builder.op("y", "Relu", builder.input("pixel_values", DataType.FLOAT, -1, 3, -1, -1));
        var model = builder.output("y", DataType.FLOAT, -1, 3, -1, -1).graph();
        var config = Files.writeString(folder.resolve("preprocessor_config.json"), """
            {"do_resize": true, "size": {"shortest_edge": 12}, "resample": 3, "do_center_crop": true,
             "crop_size": {"height": 8, "width": 10},
             "do_rescale": true, "rescale_factor": 0.00392156862745098, "do_normalize": true, "image_mean": [0.1, 0.2, 0.3],
             "image_std": [0.4, 0.5, 0.6], "image_processor_type": "CLIPImageProcessor"}""");
        picture(folder.resolve("in/a.png"), COLOURS[1], 40, 24);

        var result = write(
                folder.resolve("in"),
                model,
                with(null, new Subset(0, 0), false, false, Optional.of(config), ImageSettings.MOST_PIXELS));

        assertEquals("'pixel_values' UINT8 [1, 3, 8, 10]", result.array());
        assertEquals(
                "resized so that the shorter side has 12 pixels (bicubic), then its centre of 10x8",
                result.described());
        assertArrayEquals(
                new float[] {.1f, .2f, .3f},
                NormalizeFile.read(result.normalize().orElseThrow())
                        .get("pixel_values")
                        .mean());
    }

    @Test
    void optionsMakeUpForFieldsThatAreNotSupported() throws IOException {
        var config = Files.writeString(folder.resolve("preprocessor_config.json"), """
            {"image_processor_type": "SamImageProcessor", "size": {"longest_edge": 1024}, "do_pad": true, "resample": 3,
             "rescale_factor": 0.5, "rescale_offset": true, "image_mean": [0.5], "image_std": [0.5]}""");
        picture(folder.resolve("in/a.png"), COLOURS[1], 40, 24);
        var plain = with(null, new Subset(0, 0), false, false, Optional.of(config), ImageSettings.MOST_PIXELS);
        assertTrue(assertThrows(BadInput.class, () -> write(folder.resolve("in"), Networks.conv(1), plain))
                .getMessage()
                .contains("do_pad pads pictures after normalisation, which is not supported: use --size and --fit"));

        var said = new ImageSettings(
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.of(new Size(8, 8)),
                Optional.empty(),
                Optional.of(ImageSettings.Shape.PAD),
                Optional.empty(),
                0,
                Optional.of(config),
                Optional.of("half"),
                false,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                new Subset(0, 0),
                false,
                ImageSettings.MOST_PIXELS);

        assertEquals(
                "resized to fit into 8x8 (bicubic), then its centre of 8x8",
                write(folder.resolve("in"), Networks.conv(1), said).described());
    }

    @Test
    void whatIsNotKnownIsAskedFor() throws IOException {
        picture(folder.resolve("in/a.png"), COLOURS[1], 40, 24);

        assertTrue(assertThrows(BadInput.class, () -> write(folder.resolve("in"), Networks.conv(1), (String) null))
                .getMessage()
                .contains("give --normalize imagenet"));
        assertTrue(assertThrows(BadInput.class, () -> write(folder.resolve("in"), Networks.mlp(1), "half"))
                .getMessage()
                .contains("0 inputs with four axes"));
        assertTrue(assertThrows(BadInput.class, () -> write(folder.resolve("none"), Networks.conv(1), "half"))
                .getMessage()
                .contains("no such folder or table"));
    }

    private Path threeClasses(String format) throws IOException {
        var names = new String[] {"red", "green", "blue"};
        for (int c = 0; c < 3; c++) {
            for (int i = 0; i < 2; i++) {
                var file = picture(folder.resolve("in/" + names[c] + "/" + i + ".png"), COLOURS[c], 20 + i, 9 + c);
                if (format.equals("jpg")) {
                    ImageIO.write(
                            ImageIO.read(file.toFile()),
                            "jpg",
                            file.resolveSibling(i + ".jpg").toFile());
                    Files.delete(file);
                }
            }
        }
        return folder.resolve("in");
    }

    private static Path picture(Path file, Color colour, int width, int height) throws IOException {
        Files.createDirectories(file.getParent());
        var picture = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        var drawing = picture.createGraphics();
        drawing.setColor(colour);
        drawing.fillRect(0, 0, width, height);
        ImageIO.write(picture, file.toString().endsWith("png") ? "png" : "jpg", file.toFile());
        return file;
    }

    private static ImageSettings settings(String normalize, int limit, long seed, boolean skip) {
        return with(normalize, new Subset(limit, seed), skip, false, Optional.empty(), ImageSettings.MOST_PIXELS);
    }

    private static ImageSettings with(
            String normalize, Subset subset, boolean skip, boolean floats, Optional<Path> config, long most) {
        return new ImageSettings(
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                0,
                config,
                Optional.ofNullable(normalize),
                floats,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                subset,
                skip,
                most);
    }

    private ImageData.Result write(Path source, Graph model, String normalize) throws IOException {
        return write(source, model, settings(normalize, 0, 0, false));
    }

    private ImageData.Result write(Path source, Graph model, ImageSettings settings) throws IOException {
        return ImageData.write(source, model, settings, folder.resolve("out.npz"), Progress.none());
    }

    private ImageData.Result write(Path source, ImageSettings settings, int threads) throws IOException {
        return ImageData.write(source, Networks.conv(1), settings, folder.resolve("out.npz"), threads, Progress.none());
    }

    private Tensor read(String array) throws IOException {
        try (var npz = NpzArrays.open(folder.resolve("out.npz"))) {
            return npz.first(array, Integer.MAX_VALUE);
        }
    }
}
