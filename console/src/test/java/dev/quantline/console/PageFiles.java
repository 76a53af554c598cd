package dev.quantline.console;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.Tensor;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import javax.imageio.ImageIO;

/** The files that the commands of README and docs take for given, under the names they have there. */
final class PageFiles {
    private static final int SIDE = 16;
    private static final int VOCABULARY = 40;

    private PageFiles() {}

    /** Writes all of them into a folder: models, arrays, pictures in folders of two classes, texts, a tokenizer. */
    static void write(Path folder) throws IOException {
        for (var name : new String[] {"resnet.onnx", "resnet20.onnx", "vit.onnx"}) {
            ModelFile.write(pictureNetwork(), folder.resolve(name));
        }
        ModelFile.write(Networks.transformer(1), folder.resolve("all-minilm-l6-v2.onnx"));
        ModelFile.write(languageModel(), folder.resolve("llama.onnx"));
        Data.write(folder.resolve("calibration.npz"), pictures(64, 1));
        Data.write(folder.resolve("validation.npz"), pictures(100, 2));
        Files.writeString(
                folder.resolve("normalize.json"),
                "{\"image\": {\"mean\": [0.5, 0.5, 0.5], \"std\": [0.25, 0.25, 0.25]}}");
        Files.writeString(folder.resolve("preprocessor_config.json"), """
                {"image_processor_type": "ViTImageProcessor", "size": {"height": 16, "width": 16}, "do_resize": true, "resample": 2,
                 "do_normalize": true, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}""");
        Files.writeString(folder.resolve("config.json"), "{\"id2label\": {\"0\": \"cat\", \"1\": \"dog\"}}");
        for (var kind : new String[] {"photos", "validation"}) {
            for (var species : new String[] {"cat", "dog"}) {
                photos(Files.createDirectories(folder.resolve(kind).resolve(species)), species.equals("cat") ? 3 : 4);
            }
        }
        texts(folder);
    }

    /** {@code image [batch, 3, 16, 16] -> logits [batch, 2]}, nearly all of its weights in one layer, so that small sizes can be had. */
    private static Graph pictureNetwork() {
        var builder = new GraphBuilder(17, 5);
        String x = builder.input("image", DataType.FLOAT, -1, 3, SIDE, SIDE);
        var padded = Map.<String, Object>of("kernel_shape", new long[] {3, 3}, "pads", new long[] {1, 1, 1, 1});
        x = builder.op(
                "stem.relu",
                "Relu",
                builder.op("stem", "Conv", padded, x, builder.normal("stem.weight", .3, 16, 3, 3, 3)));
        x = builder.op("pool", "MaxPool", Map.of("kernel_shape", new long[] {2, 2}, "strides", new long[] {2, 2}), x);
        x = builder.op("flat", "Flatten", x);
        x = builder.op(
                "wide.relu",
                "Relu",
                builder.op(
                        "wide",
                        "Gemm",
                        x,
                        builder.normal("wide.weight", .05, 1024, 256),
                        builder.normal("wide.bias", .1, 256)));
        builder.op("logits", "Gemm", x, builder.normal("head.weight", .1, 256, 2), builder.normal("head.bias", .1, 2));
        return builder.output("logits", DataType.FLOAT, -1, 2).graph();
    }

    /** {@code input_ids [batch, tokens] -> logits [batch, tokens, vocabulary]}. */
    private static Graph languageModel() {
        var builder = new GraphBuilder(17, 6);
        String x = builder.op(
                "words",
                "Gather",
                builder.normal("table", .5, VOCABULARY, 16),
                builder.input("input_ids", DataType.INT64, -1, -1));
        x = builder.op(
                "hidden.relu", "Relu", builder.op("hidden", "MatMul", x, builder.normal("hidden.weight", .3, 16, 32)));
        builder.op("logits", "MatMul", x, builder.normal("head.weight", .3, 32, VOCABULARY));
        return builder.output("logits", DataType.FLOAT, -1, -1, VOCABULARY).graph();
    }

    private static Map<String, Tensor> pictures(int samples, long seed) {
        var random = new Random(seed);
        var values = new byte[samples * 3 * SIDE * SIDE];
        random.nextBytes(values);
        var labels = new long[samples];
        for (int i = 0; i < samples; i++) {
            labels[i] = random.nextInt(2);
        }
        var arrays = new HashMap<String, Tensor>();
        arrays.put("image", Tensor.of(DataType.UINT8, values, samples, 3, SIDE, SIDE));
        arrays.put("labels", Tensor.vector(labels));
        return arrays;
    }

    private static void photos(Path folder, long seed) throws IOException {
        var random = new Random(seed);
        for (int i = 0; i < 24; i++) {
            var picture = new BufferedImage(40, 30, BufferedImage.TYPE_INT_RGB);
            int ground = random.nextInt(1 << 24);
            for (int p = 0; p < 1200; p++) {
                picture.setRGB(p % 40, p / 40, ground ^ random.nextInt(1 << 5));
            }
            ImageIO.write(
                    picture,
                    i % 2 == 0 ? "jpg" : "png",
                    folder.resolve(i + (i % 2 == 0 ? ".jpg" : ".png")).toFile());
        }
    }

    private static void texts(Path folder) throws IOException {
        var words = new StringBuilder(
                "{\"model\": {\"type\": \"WordLevel\", \"unk_token\": \"[UNK]\", \"vocab\": {\"[UNK]\": 0");
        for (int i = 1; i < VOCABULARY; i++) {
            words.append(", \"w%d\": %d".formatted(i, i));
        }
        Files.writeString(
                folder.resolve("tokenizer.json"), words + "}}, \"pre_tokenizer\": {\"type\": \"Whitespace\"}}");
        var random = new Random(7);
        var sentences = new StringBuilder();
        var pairs = new StringBuilder("sentence1\tsentence2\tscore\n");
        var book = new StringBuilder();
        for (int i = 0; i < 64; i++) {
            sentences.append(sentence(random, 3 + i % 9)).append('\n');
            pairs.append("%s\t%s\t%d\n".formatted(sentence(random, 5), sentence(random, 4), random.nextInt(6)));
        }
        for (int i = 0; i < 700; i++) {
            book.append(sentence(random, 100)).append('\n');
        }
        Files.writeString(folder.resolve("sentences.txt"), sentences);
        Files.writeString(folder.resolve("pairs.tsv"), pairs);
        Files.writeString(folder.resolve("book.txt"), book);
    }

    private static String sentence(Random random, int length) {
        var words = new StringBuilder();
        for (int i = 0; i < length; i++) {
            words.append(i == 0 ? "" : " ").append('w').append(1 + random.nextInt(VOCABULARY - 1));
        }
        return words.toString();
    }
}
