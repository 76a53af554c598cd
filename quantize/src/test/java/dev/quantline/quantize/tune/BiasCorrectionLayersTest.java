package dev.quantline.quantize.tune;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Uniform;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;

/** Which layers have their biases corrected, how many at once, and how progress is reported. */
class BiasCorrectionLayersTest {
    private static final int SAMPLES = 8;

    @TempDir
    private Path folder;

    private interface Task {
        Graph of(Samples samples);
    }

    private Graph with(Graph model, Task task) throws IOException {
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), Data.rows(SAMPLES, 2))))) {
            return task.of(new Samples(data, model, Map.of()));
        }
    }

    private static QuantizationPlan plan(String... nodes) {
        var weights = new ArrayList<QuantizationPlan.Weight>();
        for (String node : nodes) {
            weights.add(new QuantizationPlan.Weight(
                    "w" + weights.size(), node, 1, Uniform.symmetric(3, 1, new double[] {2, 2, 2})));
        }
        return new QuantizationPlan(List.of(), weights);
    }

    private static GraphBuilder draft() {
        var builder = new GraphBuilder(18, 5);
        builder.input("x", DataType.FLOAT, -1, Networks.FEATURES);
        builder.normal("w0", .5, Networks.FEATURES, 3);
        return builder;
    }

    private static Graph ending(GraphBuilder builder) {
        return builder.output("y", DataType.FLOAT, -1, 3).graph();
    }

    private Graph corrected(Graph model, int from, int to, int batch, Progress progress) throws IOException {
        var plan = plan(model.nodes().stream()
                .filter(node -> node.is("Gemm", "MatMul"))
                .findFirst()
                .orElseThrow()
                .name());
        return with(
                model,
                samples ->
                        BiasCorrection.apply(model, model, plan, samples, from, to, batch, Provider.cpu(), progress));
    }

    private void assertCorrected(boolean expected, GraphBuilder builder) throws IOException {
        var model = ending(builder);
        if (expected) {
            assertNotSame(model, corrected(model, 0, SAMPLES, SAMPLES, Progress.none()));
        } else {
            assertSame(model, corrected(model, 0, SAMPLES, SAMPLES, Progress.none()));
        }
    }

    @Test
    void aBiasIsAVectorAddedToEveryChannel() throws IOException {
        for (var shape : List.of(new long[] {3}, new long[] {1}, new long[] {1, 3}, new long[0])) {
            boolean vector = shape.length == 1 && shape[0] == 3;
            var added = draft();
            added.op("y", "Add", added.op("product", "MatMul", "x", "w0"), added.normal("b", 1, shape));
            assertCorrected(vector, added);
            var scaled = draft();
            scaled.op("y", "Mul", scaled.op("product", "MatMul", "x", "w0"), scaled.normal("b", 1, shape));
            assertCorrected(false, scaled);
        }
        for (var shape : List.of(new long[] {3}, new long[] {1, 3}, new long[0])) {
            var gemm = draft();
            gemm.op("y", "Gemm", "x", "w0", gemm.normal("b", 1, shape));
            assertCorrected(shape.length == 1, gemm);
        }
    }

    @Test
    void withoutAWholeBatchNothingIsKnown() throws IOException {
        var builder = new GraphBuilder(18, 5);
        builder.op(
                "y",
                "Gemm",
                builder.input("x", DataType.FLOAT, SAMPLES + 1, Networks.FEATURES),
                builder.normal("w0", .5, Networks.FEATURES, 3),
                builder.normal("b", 1, 3));
        var model = builder.output("y", DataType.FLOAT, SAMPLES + 1, 3).graph();

        assertSame(model, corrected(model, 0, SAMPLES, 1, Progress.none()));
    }

    @Test
    void progressRunsFromTheFirstSampleAskedToTheLast() throws IOException {
        var heard = new ArrayList<Double>();
        var builder = draft();
        builder.op("y", "Gemm", "x", "w0", builder.normal("b", 1, 3));

        corrected(ending(builder), 2, 7, 2, (done, message) -> heard.add(done));

        assertArrayEquals(
                new double[] {2 / 5.0, 4 / 5.0, 1},
                heard.stream().mapToDouble(done -> done).toArray(),
                1e-12);
    }

    /** Weights of 8 by 3 and of 3 by 3 four-byte numbers. */
    @Test
    void asManyLayersAsHaveRoomAreCorrectedAtOnce() throws IOException {
        var builder = draft();
        builder.op(
                "y",
                "Gemm",
                builder.op("h", "Gemm", "x", "w0", builder.normal("b", 1, 3)),
                builder.normal("w1", .5, 3, 3),
                builder.normal("c", 1, 3));
        var model = ending(builder);
        int both = 4 * (Networks.FEATURES * 3 + 3 * 3);

        for (long room : new long[] {1, both - 1, both}) {
            var heard = new ArrayList<Double>();
            with(
                    model,
                    samples -> BiasCorrection.apply(
                            model, model, plan("h/Gemm", "y/Gemm"), samples, room, (done, message) -> heard.add(done)));

            int groups = room < both ? 2 : 1;
            assertEquals(groups * SAMPLES, heard.size(), "room for " + room);
            for (int i = 0; i < heard.size(); i++) {
                assertEquals((i + 1.0) / heard.size(), heard.get(i), 1e-12);
            }
        }
    }

    /** A Gemm that scales its third input has no bias to correct. */
    @Test
    void aBiasCountsInFull() throws IOException {
        var halved = draft();
        halved.op("y", "Gemm", Map.of("beta", .5f), "x", "w0", halved.normal("b", 1, 3));
        assertCorrected(false, halved);
        var free = draft();
        free.op(
                "y",
                "Gemm",
                "x",
                "w0",
                free.op(
                        "b",
                        "ReduceMean",
                        free.constant("t", Tensor.of(new float[6], 2, 3)),
                        free.constant("axes", Tensor.vector(0L))));
        assertCorrected(false, free);
    }
}
