package dev.quantline.quantize.tune;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.tune.BlockTuning.Split;
import dev.quantline.quantize.tune.BlockTuning.State;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;

/** Which convolutions are normalised, by how much at most, and on which samples: y = W x + b over pixels of two channels. */
class NormalizedLayersTest {
    private static final int SAMPLES = 12;
    private static final int CHANNELS = 2;
    private static final int PIXELS = 6;
    private static final Uniform WEIGHTS = Uniform.symmetric(3, 0, new double[] {1.5, 1.5});

    @TempDir
    private Path folder;

    private static float[] pixels(int samples) {
        var random = new Random(5);
        var values = new float[samples * CHANNELS * PIXELS];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian() + 0.5f;
        }
        return values;
    }

    private static GraphBuilder draft(int opset) {
        var builder = new GraphBuilder(opset, 2);
        builder.input("x", DataType.FLOAT, -1, CHANNELS, PIXELS);
        return builder;
    }

    private static Graph ending(GraphBuilder builder) {
        return builder.output("y", DataType.FLOAT, -1, CHANNELS, PIXELS).graph();
    }

    private static Graph convolution(int opset) {
        var builder = draft(opset);
        builder.op("y", "Conv", "x", builder.normal("w", 1, CHANNELS, CHANNELS, 1), builder.normal("b", 1, CHANNELS));
        return ending(builder);
    }

    private static QuantizationPlan plan(Uniform weights) {
        return new QuantizationPlan(List.of(), List.of(new QuantizationPlan.Weight("w", "y/Conv", 1, weights)));
    }

    private State tuned(Graph reference, State state, float[] pixels, int train, int batch, Progress progress)
            throws IOException {
        int samples = pixels.length / CHANNELS / PIXELS;
        var arrays = Map.of("x", Tensor.of(pixels, samples, CHANNELS, PIXELS));
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), arrays)))) {
            return NormalizationTuning.apply(
                    state,
                    reference,
                    new Samples(data, reference, Map.of()),
                    new Split(train, samples),
                    batch,
                    Provider.cpu(),
                    progress);
        }
    }

    private State tuned(Graph model, QuantizationPlan plan, int train, int batch) throws IOException {
        return tuned(model, new State(model, plan), pixels(SAMPLES), train, batch, Progress.none());
    }

    private static void assertClose(State expected, State actual, float tolerance) {
        assertArrayEquals(
                expected.plan().weights().getFirst().quantizer().scale(),
                actual.plan().weights().getFirst().quantizer().scale(),
                tolerance);
        for (String constant : List.of("w", "b")) {
            assertArrayEquals(
                    expected.model().initializers().get(constant).toFloats(),
                    actual.model().initializers().get(constant).toFloats(),
                    tolerance,
                    constant);
        }
    }

    @Test
    void operatorsOfEitherKindGiveTheSame() throws IOException {
        var old = tuned(convolution(17), plan(WEIGHTS), SAMPLES, SAMPLES);
        var recent = tuned(convolution(18), plan(WEIGHTS), SAMPLES, SAMPLES);

        assertClose(old, recent, 1e-5f);
    }

    @Test
    void momentsAreThoseOfWholeBatchesThatAreNotHeldOut() throws IOException {
        // Given the same five samples twice, followed by others
        var once = pixels(5);
        var all = pixels(SAMPLES);
        System.arraycopy(once, 0, all, 0, once.length);
        System.arraycopy(once, 0, all, once.length, once.length);
        var start = new State(convolution(17), plan(WEIGHTS));
        var heard = new ArrayList<Double>();

        // When
        var wanted = tuned(start.model(), start, once, 5, 5, Progress.none());
        var actual = tuned(start.model(), start, all, 11, 5, (done, message) -> heard.add(done));
        var few = tuned(start.model(), start, all, 5, 50, Progress.none());

        // Then
        assertClose(wanted, actual, 1e-5f);
        assertClose(wanted, few, 1e-5f);
        assertArrayEquals(
                new double[] {0.2, 0.4, 0.7, 1},
                heard.stream().mapToDouble(done -> done).toArray(),
                1e-9);
    }

    /** The outputs of the float layer are three times, and a third of, those of the rounded one: the factors are limited to two. */
    @Test
    void factorsStayBetweenAHalfAndTwo() throws IOException {
        var model = convolution(17);
        var other = model.copy();
        var weight = WEIGHTS.fakeQuantize(model.initializers().get("w")).toFloats();
        for (int i = 0; i < weight.length; i++) {
            weight[i] *= i < CHANNELS ? 3 : 1 / 3f;
        }
        other.initializers().put("w", Tensor.of(weight, CHANNELS, CHANNELS, 1));

        var tuned = tuned(other, new State(model, plan(WEIGHTS)), pixels(SAMPLES), SAMPLES, SAMPLES, Progress.none());

        float step = WEIGHTS.scale()[0];
        assertArrayEquals(
                new float[] {2 * step, step / 2},
                tuned.plan().weights().getFirst().quantizer().scale(),
                1e-6f);
    }

    @Test
    void whatSharesItsConstantsOrHasOneScaleForAllStays() throws IOException {
        var model = convolution(17);
        var blocks = Uniform.symmetric(3, 1, 1, new double[] {1, 1, 1, 1});
        for (var weights : List.of(Uniform.symmetric(3, Uniform.PER_TENSOR, new double[] {1.5}), blocks)) {
            var start = new State(model, plan(weights));
            assertSame(start, tuned(model, start, pixels(SAMPLES), SAMPLES, SAMPLES, Progress.none()));
        }
        var bare = draft(17);
        bare.op("y", "Conv", "x", bare.normal("w", 1, CHANNELS, CHANNELS, 1));
        var weightTwice = draft(17);
        weightTwice.op(
                "z", "Relu", weightTwice.op("h", "Conv", "x", weightTwice.normal("w", 1, CHANNELS, CHANNELS, 1)));
        weightTwice.op("y", "Conv", "z", "w", weightTwice.normal("b", 1, CHANNELS));
        var biasTwice = draft(17);
        biasTwice.op(
                "h", "Conv", "x", biasTwice.normal("v", 1, CHANNELS, CHANNELS, 1), biasTwice.normal("b", 1, CHANNELS));
        biasTwice.op("y", "Conv", "h", biasTwice.normal("w", 1, CHANNELS, CHANNELS, 1), "b");
        var computed = draft(17);
        computed.op(
                "y",
                "Conv",
                "x",
                computed.normal("w", 1, CHANNELS, CHANNELS, 1),
                computed.op("b", "ReduceMax", Map.of("axes", new long[] {0, 2}, "keepdims", 0L), "x"));
        for (var builder : List.of(bare, weightTwice, biasTwice, computed)) {
            var start = new State(ending(builder), plan(WEIGHTS));
            assertSame(start, tuned(start.model(), start, pixels(SAMPLES), SAMPLES, SAMPLES, Progress.none()));
        }
        var unplanned = new State(model, new QuantizationPlan(List.of(), List.of()));
        assertSame(unplanned, tuned(model, unplanned, pixels(SAMPLES), SAMPLES, SAMPLES, Progress.none()));
        assertNotSame(model, tuned(model, plan(WEIGHTS), SAMPLES, SAMPLES).model());
    }

    @Test
    void whatLeadsToNoOutputIsLeftOut() throws IOException {
        var builder = draft(17);
        builder.op("y", "Conv", "x", builder.normal("w", 1, CHANNELS, CHANNELS, 1), builder.normal("b", 1, CHANNELS));
        builder.op(
                "unread", "Conv", "x", builder.normal("v", 1, CHANNELS, CHANNELS, 1), builder.normal("a", 1, CHANNELS));
        var plan = new QuantizationPlan(
                List.of(),
                List.of(
                        new QuantizationPlan.Weight("w", "y/Conv", 1, WEIGHTS),
                        new QuantizationPlan.Weight("v", "unread/Conv", 1, WEIGHTS)));

        var tuned = tuned(ending(builder), plan, SAMPLES, SAMPLES);

        assertClose(tuned(convolution(17), plan(WEIGHTS), SAMPLES, SAMPLES), tuned, 1e-5f);
        assertEquals(WEIGHTS, tuned.plan().weights().getLast().quantizer());
    }

    /** A layer is normalised before the next one sees it: once both are, the second needs no correction for errors of the first. */
    @Test
    void everyLayerSeesWhatTheFloatOneBeforeItWouldGive() throws IOException {
        // Given: weights of the first layer that codes represent except for one factor per channel
        var builder = draft(17);
        builder.op(
                "h",
                "Conv",
                "x",
                builder.constant("v", Tensor.of(new float[] {.5f, -1, 1, 1.5f}, CHANNELS, CHANNELS, 1)),
                builder.normal("a", 1, CHANNELS));
        builder.op("y", "Conv", "h", builder.normal("w", 1, CHANNELS, CHANNELS, 1), builder.normal("b", 1, CHANNELS));
        var reference = ending(builder);
        var model = reference.copy();
        var v = reference.initializers().get("v").toFloats();
        for (int i = 0; i < v.length; i++) {
            v[i] /= i < CHANNELS ? 1.25f : 0.8f;
        }
        model.initializers().put("v", Tensor.of(v, CHANNELS, CHANNELS, 1));
        var exact = new Uniform(8, true, 0, new float[] {.5f / 1.25f, .5f / 0.8f}, new int[2]);
        var plan = new QuantizationPlan(
                List.of(),
                List.of(
                        new QuantizationPlan.Weight("v", "h/Conv", 1, exact),
                        new QuantizationPlan.Weight("w", "y/Conv", 1, WEIGHTS)));

        // When
        var both = tuned(reference, new State(model, plan), pixels(SAMPLES), SAMPLES, SAMPLES, Progress.none());
        var second = tuned(
                reference,
                new State(
                        reference,
                        new QuantizationPlan(List.of(), plan.weights().subList(1, 2))),
                pixels(SAMPLES),
                SAMPLES,
                SAMPLES,
                Progress.none());

        // Then
        assertArrayEquals(
                reference.initializers().get("v").toFloats(),
                both.model().initializers().get("v").toFloats(),
                1e-4f);
        assertArrayEquals(
                reference.initializers().get("a").toFloats(),
                both.model().initializers().get("a").toFloats(),
                1e-4f);
        assertEquals(
                List.of("v", "w"),
                both.plan().weights().stream()
                        .map(QuantizationPlan.Weight::tensor)
                        .toList());
        assertArrayEquals(
                second.plan().weights().getFirst().quantizer().scale(),
                both.plan().weights().getLast().quantizer().scale(),
                1e-4f);
        assertArrayEquals(
                second.model().initializers().get("b").toFloats(),
                both.model().initializers().get("b").toFloats(),
                1e-3f);
    }
}
