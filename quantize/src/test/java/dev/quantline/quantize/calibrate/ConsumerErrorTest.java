package dev.quantline.quantize.calibrate;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Spilling;
import dev.quantline.onnx.runtime.TensorBatches;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

/** Compares errors of layers that read a changed tensor with sums computed by hand. */
class ConsumerErrorTest {
    private static final int ROWS = 12;

    @TempDir
    private Path folder;

    private static Tensor normal(long seed, long... shape) {
        var random = new Random(seed);
        var values = new float[(int) Tensor.count(shape)];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensor.of(values, shape);
    }

    private double error(
            Graph model, List<String> captured, Map<String, Tensor> arrays, Map<String, UnaryOperator<Tensor>> changes)
            throws IOException {
        var consumers = model.nodes().stream()
                .filter(node -> node.is("MatMul", "Gemm", "Conv"))
                .toList();
        return error(model, consumers, captured, arrays, changes);
    }

    /** The error in batches of 5, 5 and 2. */
    private double error(
            Graph model,
            List<Node> consumers,
            List<String> captured,
            Map<String, Tensor> arrays,
            Map<String, UnaryOperator<Tensor>> changes)
            throws IOException {
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), arrays)));
                var seen = new ActivationSample(model, captured, captured)
                        .run(new Samples(data, model, Map.of()), ROWS, 5, Provider.cpu(), Spilling.usual());
                var error = new ConsumerError(model, consumers, seen, Spilling.usual(), Provider.cpu())) {
            return error.of(changes);
        }
    }

    /** Changes the first number of each row by .5, whatever the batch. */
    private static Tensor pushed(Tensor x) {
        var values = x.toFloats();
        int columns = x.size() / x.dim(0);
        for (int row = 0; row < x.dim(0); row++) {
            values[row * columns] += .5f;
        }
        return Tensor.of(values, x.shape());
    }

    @Test
    void outputChannelsOfLinearLayersCountAlikeEachOverItsPowerAndDeadOnesNot() throws IOException {
        // Given: the third output channel has weights of 0, the second a hundred times as large as the first
        var x = normal(1, ROWS, 3);
        var w = new float[] {.5f, 80, 0, 1, -30, 0, 2, 20, 0};
        var builder = new GraphBuilder(17, 1);
        builder.op("y", "MatMul", builder.input("x", DataType.FLOAT, -1, 3), builder.constant("w", Tensor.of(w, 3, 3)));
        var model = builder.output("y", DataType.FLOAT, -1, 3).graph();

        // Then
        double expected = 0;
        for (int c = 0; c < 2; c++) {
            double power = 0;
            for (int row = 0; row < ROWS; row++) {
                double y = 0;
                for (int i = 0; i < 3; i++) {
                    y += x.get(3 * row + i) * w[3 * i + c];
                }
                power += y * y;
            }
            expected += ROWS * Math.pow(.5 * w[c], 2) / power / 2;
        }
        assertEquals(
                expected,
                error(model, List.of("x"), Map.of("x", x), Map.of("x", ConsumerErrorTest::pushed)),
                1e-5 * expected);
        assertEquals(0, error(model, List.of("x"), Map.of("x", x), Map.of("x", UnaryOperator.identity())));
    }

    @Test
    void anErrorOfTheWeightCountsAsOneOfTheInput() throws IOException {
        var x = normal(1, ROWS, 3);
        var builder = new GraphBuilder(17, 1);
        builder.op("y", "MatMul", builder.input("x", DataType.FLOAT, -1, 3), builder.normal("w", 1, 3, 4));
        var model = builder.output("y", DataType.FLOAT, -1, 4).graph();
        UnaryOperator<Tensor> larger = tensor -> {
            var values = tensor.toFloats();
            for (int i = 0; i < values.length; i++) {
                values[i] *= 1.1f;
            }
            return Tensor.of(values, tensor.shape());
        };

        assertEquals(.01, error(model, List.of("x"), Map.of("x", x), Map.of("w", larger)), 1e-6);
        assertEquals(.01, error(model, List.of("x"), Map.of("x", x), Map.of("x", larger)), 1e-6);
        assertEquals(.0441, error(model, List.of("x"), Map.of("x", x), Map.of("x", larger, "w", larger)), 1e-6);
    }

    @Test
    void productsOfActivationsAndConvolutionsHaveOneErrorAndLayersCountAlike() throws IOException {
        // Given: A B, and a Gemm of A
        var builder = new GraphBuilder(17, 2);
        builder.input("a", DataType.FLOAT, -1, 4, 2);
        builder.input("b", DataType.FLOAT, -1, 2, 3);
        builder.op("y", "MatMul", "a", "b");
        builder.op("z", "MatMul", "a", builder.normal("w", 1, 2, 5));
        var model = builder.output("y", DataType.FLOAT, -1, 4, 3)
                .output("z", DataType.FLOAT, -1, 4, 5)
                .graph();
        var arrays = Map.of("a", normal(3, ROWS, 4, 2), "b", normal(4, ROWS, 2, 3));
        var changes = new HashMap<String, UnaryOperator<Tensor>>();
        changes.put("a", ConsumerErrorTest::pushed);

        // When
        double both = error(model, List.of("a", "b"), arrays, changes);
        var products = model.nodes().stream().toList();
        double first = error(model, products.subList(0, 1), List.of("a", "b"), arrays, changes);
        double second = error(model, products.subList(1, 2), List.of("a", "b"), arrays, changes);

        // Then
        double noise = 0;
        double power = 0;
        for (int sample = 0; sample < ROWS; sample++) {
            for (int c = 0; c < 3; c++) {
                noise += Math.pow(.5 * arrays.get("b").get(6 * sample + c), 2);
                for (int row = 0; row < 4; row++) {
                    double y = 0;
                    for (int k = 0; k < 2; k++) {
                        y += arrays.get("a").get(8 * sample + 2 * row + k)
                                * arrays.get("b").get(6 * sample + 3 * k + c);
                    }
                    power += y * y;
                }
            }
        }
        assertEquals(noise / power, first, 1e-5 * first);
        assertEquals((first + second) / 2, both, 1e-9);
    }

    @Test
    void convolutionsHaveOneError() throws IOException {
        // Given: a 1 x 1 convolution whose second channel is ten times as large and dominates
        var builder = new GraphBuilder(17, 2);
        builder.op(
                "y",
                "Conv",
                builder.input("x", DataType.FLOAT, -1, 1, 2, 2),
                builder.constant("k", Tensor.of(new float[] {1, 10}, 2, 1, 1, 1)));
        var model = builder.output("y", DataType.FLOAT, -1, 2, 2, 2).graph();
        var x = normal(6, ROWS, 1, 2, 2);
        double power = 0;
        for (int i = 0; i < x.size(); i++) {
            power += x.get(i) * x.get(i);
        }

        assertEquals(
                ROWS * .25 / power,
                error(model, List.of("x"), Map.of("x", x), Map.of("x", ConsumerErrorTest::pushed)),
                1e-6);
    }

    @Test
    void whereNothingComesOutTheErrorItselfCounts() throws IOException {
        var builder = new GraphBuilder(17, 2);
        builder.op(
                "y",
                "MatMul",
                builder.input("x", DataType.FLOAT, -1, 2),
                builder.constant("w", Tensor.of(new float[4], 2, 2)));
        var model = builder.output("y", DataType.FLOAT, -1, 2).graph();
        UnaryOperator<Tensor> one = weight -> Tensor.of(new float[] {1, 0, 0, 0}, 2, 2);
        var x = normal(7, ROWS, 2);
        double noise = 0;
        for (int row = 0; row < ROWS; row++) {
            noise += x.get(2 * row) * x.get(2 * row);
        }

        assertEquals(noise, error(model, List.of("x"), Map.of("x", x), Map.of("w", one)), 1e-5 * noise);
    }

    @Test
    void whatIsCapturedIsWhatTheModelComputesSampleBySample() throws IOException {
        var builder = new GraphBuilder(17, 2);
        String h = builder.op("h", "Relu", builder.input("x", DataType.FLOAT, -1, 2));
        builder.op("y", "MatMul", h, builder.normal("w", 1, 2, 2));
        var model = builder.output("y", DataType.FLOAT, -1, 2).graph();
        var x = normal(8, ROWS, 2);
        var names = List.of("h", "x", "y");
        // When
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), Map.of("x", x))));
                var batches = new ActivationSample(model, names, names)
                        .run(new Samples(data, model, Map.of()), 7, 5, Provider.cpu(), Spilling.usual());
                var all = new ActivationSample(model, names, List.of("h"))
                        .run(new Samples(data, model, Map.of()), 100, 5, Provider.cpu(), Spilling.usual())) {
            // Then
            assertEquals(
                    List.of(5, 2), batches.all("h").map(values -> values.dim(0)).toList());
            assertEquals(
                    List.of(5, 5, 2), all.all("h").map(values -> values.dim(0)).toList());
            assertEquals(Set.of("h", "x"), all.names(0), "inputs are always kept");
            assertEquals(x.rows(5, 7), batches.get(1, "x"));
            for (int i = 0; i < 10; i++) {
                assertEquals(Math.max(0, x.get(i)), batches.get(0, "h").get(i));
            }
        }
    }

    @Test
    void whatWasSpilledIsGoneWhenALayerCannotRun() throws IOException {
        var builder = new GraphBuilder(17, 1);
        builder.op("y", "MatMul", builder.input("x", DataType.FLOAT, -1, 3), builder.normal("w", 1, 3, 2));
        var model = builder.output("y", DataType.FLOAT, -1, 2).graph();
        var spilled = Files.createTempDirectory(folder, "spilled");
        try (var captured = new TensorBatches(Spilling.usual())) {
            captured.add(Map.of("x", normal(1, 4, 3)));
            captured.add(Map.of());

            assertThrows(
                    BadInput.class,
                    () -> new ConsumerError(model, model.nodes(), captured, Spilling.all(spilled), Provider.cpu()));
        }
        try (var left = Files.list(spilled)) {
            assertEquals(0, left.count());
        }
    }
}
