package dev.quantline.quantize.export;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.gradient.TrainingGraph;
import dev.quantline.gradient.loss.Loss;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.fixture.Stages;
import dev.quantline.quantize.plan.Placement;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.Products;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Opsets newer than the ONNX library, up to the newest that ONNX Runtime supports. */
class NewerOpsetsTest {
    @TempDir
    private Path folder;

    /** A network with operators that newer opsets changed, except bodies of If: Reshape, Transpose, Cast, Squeeze, Shape, Pad. */
    private static Graph network(int opset) {
        var builder = new GraphBuilder(opset, 3);
        String image = builder.input("image", DataType.FLOAT, -1, 3, Networks.SIDE, Networks.SIDE);
        String padded =
                builder.op("padded", "Pad", image, builder.constant("pads", Tensor.vector(0L, 0, 1, 1, 0, 0, 1, 1)));
        String x = builder.op(
                "conv.relu",
                "Relu",
                builder.op("conv", "Conv", padded, builder.normal("conv.weight", .3, 16, 3, 3, 3)));
        x = builder.op("pool", "MaxPool", Map.of("kernel_shape", new long[] {2, 2}, "strides", new long[] {2, 2}), x);
        x = builder.op(
                "second.relu",
                "Relu",
                builder.op("second", "Conv", x, builder.normal("second.weight", .2, 16, 16, 1, 1)));
        String size =
                builder.op("size", "Cast", Map.of("to", 7L), builder.op("batch", "Shape", Map.of("end", 1L), image));
        String target = builder.op(
                "target", "Concat", Map.of("axis", 0L), size, builder.constant("rest", Tensor.vector(16L, 16)));
        x = builder.op(
                "turned", "Transpose", Map.of("perm", new long[] {0, 2, 1}), builder.op("rows", "Reshape", x, target));
        x = builder.op("product", "MatMul", x, builder.normal("product.weight", .25, 16, 64));
        x = builder.op("gelu", "Gelu", x);
        builder.op(
                "y",
                "ReduceMean",
                builder.op("mixed", "MatMul", x, builder.normal("mixed.weight", .2, 64, 16)),
                builder.constant("axes", Tensor.vector(1L)));
        return builder.output("y", DataType.FLOAT, -1, -1, 16).graph();
    }

    private static Map<String, Tensor> images(int count) {
        return Data.images(count, 5);
    }

    private static Map<String, Tensor> run(Graph graph, Map<String, Tensor> data) {
        try (var session = Session.open(graph, Provider.cpu(), Session.Optimization.ALL)) {
            return session.run(data);
        }
    }

    /** The exported form of the network at an opset, with this weight width. */
    private Graph exported(int opset, int bits) throws IOException {
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), images(24))))) {
            var prepared = PreparedModel.prepare(network(opset));
            var stages = Stages.run(
                    prepared,
                    new Samples(data, prepared, Map.of()),
                    CalibrateSettings.plain(ActivationRange.MSE, bits, 8, List.of()));
            return Exporter.finish(stages.model(), stages.plan(), Products.STANDARD, false);
        }
    }

    private Kernels kernels(Graph graph) throws IOException {
        ModelFile.write(graph, folder.resolve("model.onnx"));
        return Kernels.of(folder.resolve("model.onnx"), Provider.cpu());
    }

    @ParameterizedTest
    @ValueSource(ints = {22, 23, 24, 25, 26})
    void theyQuantizeToTheSameAsOlderOnes(int opset) throws IOException {
        for (int bits : List.of(8, 4)) {
            var older = exported(21, bits);
            var newer = exported(opset, bits);

            OnnxLibrary.check(newer);
            assertEquals(opset, newer.opset());
            assertEquals(older.initializers(), newer.initializers());
            assertEquals(run(older, images(5)), run(newer, images(5)));
            assertEquals(kernels(older), kernels(newer), "at " + bits + " bits");
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {22, 26})
    void theyHaveTheGradientsOfOlderOnes(int opset) {
        assertEquals(gradients(21), gradients(opset));
    }

    private static Map<String, Tensor> gradients(int opset) {
        var data = new LinkedHashMap<>(images(4));
        var weights = List.of("conv.weight", "product.weight");
        var model = PreparedModel.prepare(network(opset));
        var training = TrainingGraph.of(
                model,
                Map.of("image", data.get("image").shape()),
                weights,
                new Loss.MeanSquared("y", "goal"),
                List.of());
        weights.forEach(weight -> data.put(weight, model.initializers().get(weight)));
        data.put("goal", Tensor.zeros(DataType.FLOAT, 4, 1, 16));
        return run(training.graph(), data);
    }

    @Test
    void whatTheLibraryDoesNotKnowStaysAndHidesNothing() {
        // Given: an operator of opset 23, one of 24, and an attribute of 24
        var builder = new GraphBuilder(24, 2);
        String x = builder.op(
                "first", "MatMul", builder.input("x", DataType.FLOAT, -1, 8), builder.normal("w1", .3, 8, 16));
        x = builder.op("norm", "RMSNormalization", Map.of("axis", -1L), x, builder.between("scale", .5, 2, 16));
        x = builder.op("swish", "Swish", Map.of("alpha", 2f), x);
        x = builder.op("cast", "Cast", Map.of("to", 1L, "round_mode", "up"), x);
        builder.op("y", "MatMul", x, builder.normal("w2", .3, 16, 4));
        var model = builder.output("y", DataType.FLOAT, -1, 4).graph();

        // When
        var prepared = PreparedModel.prepare(model);

        // Then
        assertEquals(
                List.of("MatMul", "RMSNormalization", "Swish", "Cast", "MatMul"),
                prepared.nodes().stream().map(Node::op).toList());
        assertTrue(prepared.nodes().stream().allMatch(node -> node.domain().isEmpty()));
        assertEquals(
                List.of("x", "cast"),
                List.copyOf(Placement.of(prepared, List.of()).activations().keySet()));
        var data = Data.rows(3, 1);
        assertArrayEquals(
                run(model, data).get("y").toFloats(),
                run(prepared, data).get("y").toFloats(),
                1e-6f);
    }

    @Test
    void whatBreaksTheSpecificationIsStillRefused() {
        var builder = new GraphBuilder(24, 2);
        builder.op("y", "Gemm", builder.input("x", DataType.FLOAT, -1, 8));
        var model = builder.output("y", DataType.FLOAT, -1, 4).graph();

        var message =
                assertThrows(BadInput.class, () -> PreparedModel.prepare(model)).getMessage();

        assertTrue(message.contains("checker rejects") && message.contains("Gemm"), message);
    }
}
