package dev.quantline.quantize.finetune;

import dev.quantline.fixture.GraphBuilder;
import dev.quantline.gradient.loss.Loss;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.Recipe.QuantTune;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Which loss a task has at an output of a given shape, where padding is ignored, and which settings there are. */
class TaskLossTest {
    private static FineTuneSettings settings(Task task, boolean logits) {
        return new FineTuneSettings(task, logits, Json.part(QuantTune.class, "{}"));
    }

    /** y = |x| of this rank, with sentences of open length if there are three axes, and additional integer inputs. */
    private static Graph network(int rank, String... integers) {
        var shape = LongStream.range(0, rank)
                .map(axis -> axis == 0 || axis == 1 && rank == 3 ? -1 : 2)
                .toArray();
        var builder = new GraphBuilder(17, 1);
        builder.op("y", "Abs", builder.input("x", DataType.FLOAT, shape));
        for (String integer : integers) {
            builder.input(integer, DataType.INT64, -1, -1);
        }
        return builder.output("y", DataType.FLOAT, shape).graph();
    }

    private static Loss loss(Task task, boolean logits, double power, Graph graph) {
        return new TaskLoss(settings(task, logits), power).addTo(graph);
    }

    private static String refusal(Task task, Graph graph) {
        return assertThrows(BadInput.class, () -> loss(task, false, 1, graph)).getMessage();
    }

    @Test
    void everyTaskHasItsLossAtTheOutput() {
        assertEquals(new Loss.CrossEntropy("y", "labels", 0), loss(Task.CROSS_ENTROPY, false, 1, network(2)));
        assertEquals(new Loss.CosinePairs("y", null, "scores"), loss(Task.PAIRS, false, 1, network(2, Samples.MASK)));
        assertEquals(
                new Loss.CosinePairs("y", Samples.MASK, "scores"),
                loss(Task.PAIRS, false, 1, network(3, Samples.MASK)));
        assertEquals(new Loss.NextToken("y", "input_ids"), loss(Task.NEXT_TOKEN, false, 1, network(3, "input_ids")));
        assertEquals(new Loss.Distillation("y", TaskLoss.TEACHER, 1), loss(Task.DISTILL, true, 4, network(2)));
        // Relative to the outputs' own power.
        assertEquals(
                new Loss.Sum(List.of(Loss.Term.of(0.25, new Loss.MeanSquared("y", TaskLoss.TEACHER)))),
                loss(Task.DISTILL, false, 4, network(2)));
    }

    @Test
    void anOutputOfAnotherShapeIsRefusedWithWhatTheTaskTakes() {
        assertEquals(
                "training.loss: cross_entropy takes logits [samples, classes], but 'y' has rank 3",
                refusal(Task.CROSS_ENTROPY, network(3)));
        String pairs = refusal(Task.PAIRS, network(3));
        assertTrue(
                pairs.startsWith("training.loss: pairs takes embeddings") && pairs.endsWith("'y' has rank 3"), pairs);
        assertTrue(refusal(Task.PAIRS, network(4, Samples.MASK)).endsWith("'y' has rank 4"));
        String next = refusal(Task.NEXT_TOKEN, network(3, "tokens"));
        assertTrue(next.startsWith("training.loss: next_token takes logits") && next.contains("input_ids"), next);
        assertTrue(refusal(Task.NEXT_TOKEN, network(2, "input_ids")).endsWith("'y' has rank 2"));
    }

    @Test
    void theOutputThatIsNamedIsTheOneThatIsKeptUp() {
        var graph = network(2);
        graph.nodes().add(Node.of("Neg", List.of("x"), "other"));
        graph.outputs().add(ValueInfos.of("other", DataType.FLOAT, -1, 2));
        var named = new FineTuneSettings(
                Task.CROSS_ENTROPY, false, Optional.of("other"), new QuantTune(0.5, 6, 2, 9, 32, 2e-5, 0.01, 1, 0));

        assertEquals(new Loss.CrossEntropy("other", "labels", 0), new TaskLoss(named, 1).addTo(graph));
    }

    @Test
    void sentencesCountAsFarAsTheyAreLong() {
        var graph = network(3, Samples.MASK);
        String counted = TaskLoss.counted(graph, settings(Task.DISTILL, false));
        var float3 = network(3);

        assertEquals("y", TaskLoss.counted(float3, settings(Task.DISTILL, false)), "there is no mask");
        assertEquals(
                "y", TaskLoss.counted(network(2, Samples.MASK), settings(Task.DISTILL, false)), "there are no tokens");
        graph.outputs().add(ValueInfos.of(counted, DataType.FLOAT));
        var x = Tensor.of(new float[] {1, -2, 3, 4, -5, 6, 7, 8, 9, 10, 11, -12}, 2, 3, 2);
        var mask = Tensor.of(new long[] {1, 1, 0, 1, 0, 0}, 2, 3);
        assertArrayEquals(
                new float[] {1, 2, 3, 4, 0, 0, 7, 8, 0, 0, 0, 0},
                run(graph, Map.of("x", x, Samples.MASK, mask), counted));
    }

    private static float[] run(Graph graph, Map<String, Tensor> inputs, String output) {
        try (var session = Session.open(graph, Provider.cpu(), Session.Optimization.ALL)) {
            return session.run(inputs).get(output).toFloats();
        }
    }

    @Test
    void aMaskIsLaidAlongTheAxisOfTokensWhereverThatIs() {
        var builder = new GraphBuilder(17, 1);
        builder.input(Samples.MASK, DataType.INT64, -1, -1);
        builder.op("y", "Abs", builder.input("x", DataType.FLOAT, -1, 2, -1));
        var graph = builder.graph();
        String zeroed = Padded.zeroed(graph, "y", 3, 2);
        graph.outputs().add(ValueInfos.of(zeroed, DataType.FLOAT));

        var x = Tensor.of(new float[] {1, 2, 3, 4, 5, 6}, 1, 2, 3);
        assertArrayEquals(
                new float[] {1, 0, 3, 4, 0, 6},
                run(graph, Map.of("x", x, Samples.MASK, Tensor.of(new long[] {1, 0, 1}, 1, 3)), zeroed));
    }

    @Test
    void theOnlyOpenAxisBesideTheSamplesCountsTokens() {
        assertEquals(1, Padded.tokenAxis(new long[] {-1, -1, 8}));
        assertEquals(2, Padded.tokenAxis(new long[] {4, 8, -1}));
        assertEquals(-1, Padded.tokenAxis(new long[] {-1, 8, 0}));
        assertEquals(-1, Padded.tokenAxis(new long[] {-1, 2, -1, -1}), "scores of attention: which of the two");
        assertEquals(-1, Padded.tokenAxis(new long[0]));
    }
}
