package dev.quantline.quantize.linear;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import static org.junit.jupiter.api.Assertions.assertEquals;

class InputGramTest {
    private static final int SAMPLES = 5;

    @TempDir
    private Path folder;

    private static Graph layer(String op, Map<String, Object> attributes, long[] input, long... weight) {
        var builder = new GraphBuilder(17, 3);
        builder.op("y", op, attributes, builder.input("x", DataType.FLOAT, input), builder.normal("w", 1, weight));
        return builder.output("y", DataType.FLOAT).graph();
    }

    private static Stream<Named<Graph>> layers() {
        long[] image = {-1, 4, 9, 8};
        return Stream.of(
                Named.of("MatMul", layer("MatMul", Map.of(), new long[] {-1, 6, 8}, 8, 3)),
                Named.of("Gemm", layer("Gemm", Map.of(), new long[] {-1, 8}, 8, 3)),
                Named.of("Gemm, transposed", layer("Gemm", Map.of("transB", 1L), new long[] {-1, 8}, 3, 8)),
                Named.of("Conv", layer("Conv", Map.of(), image, 5, 4, 3, 3)),
                Named.of(
                        "Conv, stride and padding",
                        layer(
                                "Conv",
                                Map.of("strides", new long[] {2, 1}, "pads", new long[] {1, 0, 2, 1}),
                                image,
                                5,
                                4,
                                3,
                                2)),
                Named.of("Conv, auto_pad", layer("Conv", Map.of("auto_pad", "SAME_UPPER"), image, 5, 4, 3, 3)),
                Named.of(
                        "Conv, dilated, in groups",
                        layer("Conv", Map.of("dilations", new long[] {2, 2}, "group", 2L), image, 6, 2, 3, 3)),
                Named.of("Conv, depthwise", layer("Conv", Map.of("group", 4L), image, 4, 1, 3, 3)),
                Named.of("Conv, one axis", layer("Conv", Map.of(), new long[] {-1, 4, 9}, 5, 4, 3)));
    }

    /** The products give the output power of any weight on the inputs. */
    @ParameterizedTest
    @MethodSource("layers")
    void theySayHowMuchAnErrorOfTheWeightsChangesTheOutputs(Graph layer) throws IOException {
        // Given
        var random = new Random(7);
        var shape = ValueInfos.shape(layer.inputs().getFirst()).orElseThrow();
        shape[0] = SAMPLES;
        var values = new float[(int) Tensor.count(shape)];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        var x = Tensor.of(values, shape);
        double power = 0;
        try (var session = Session.open(layer, Provider.cpu(), Session.Optimization.ALL)) {
            for (float y : session.run(Map.of("x", x)).get("y").toFloats()) {
                power += y * y;
            }
        }

        // When
        var node = layer.nodes().getFirst();
        InputGram.Product product;
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), Map.of("x", x))))) {
            product = InputGram.of(
                            layer, new Samples(data, layer, Map.of()), 0, SAMPLES, 2, Provider.cpu(), Progress.none())
                    .of(layer, node)
                    .orElseThrow();
        }

        // Then
        var weight = LayerWeight.of(layer, node).orElseThrow();
        var rows = weight.rows(weight.tensor());
        int d = product.inputs();
        double sum = 0;
        for (int o = 0; o < weight.outputs(); o++) {
            int group = o / (weight.outputs() / product.groups());
            for (int i = 0; i < d; i++) {
                for (int j = 0; j < d; j++) {
                    sum += rows[o * d + i] * rows[o * d + j] * product.sums().get((group * d + i) * d + j);
                }
            }
        }
        assertEquals(power, sum, 1e-4 * power);
    }
}
