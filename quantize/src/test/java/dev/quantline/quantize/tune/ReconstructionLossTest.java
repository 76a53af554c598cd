package dev.quantline.quantize.tune;

import dev.quantline.gradient.TrainingGraph;
import dev.quantline.gradient.train.HeldOut;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.quantize.fixture.Recipes;
import dev.quantline.quantize.settings.Distance;
import dev.quantline.quantize.tune.BlockTuning.Split;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** A part with two outputs, y with tokens whose number differs per sample and v without; its stage ends in z = v. */
class ReconstructionLossTest {
    private static final Split SPLIT = new Split(0, 2);
    private static final float[] Y = {1, 3, -2};
    private static final float[] V = {2, 1, 4, -1};
    /** Outputs of the part for both samples, including values of y at padded positions of the first, which has one token. */
    private static final float[] GIVEN_Y = {1.5f, 9, 3, -1};

    private static final float[] GIVEN_V = {2, 2, 2, -1};

    @TempDir
    private Path folder;

    private final List<Activations> opened = new ArrayList<>();

    private Activations activations() {
        var activations = new Activations(folder, Map.of());
        opened.add(activations);
        return activations;
    }

    @AfterEach
    void close() {
        opened.forEach(Activations::close);
    }

    private double loss(Distance distance, float[] v, boolean ahead, Map<String, Tensor> weights) {
        var targets = activations();
        targets.append("y", Tensor.of(new float[] {Y[0]}, 1, 1), 1);
        targets.append("y", Tensor.of(new float[] {Y[1], Y[2]}, 1, 2), 1);
        targets.append("v", Tensor.of(v, 2, 2), 2);
        var behind = activations();
        behind.append("z", Tensor.of(v, 2, 2), 2);
        var given = activations();
        given.append("a", Tensor.of(GIVEN_Y, 2, 2), 2);
        given.append("b", Tensor.of(GIVEN_V, 2, 2), 2);
        var graph = Graph.empty(17);
        given.tensors().forEach(name -> graph.inputs().add(ValueInfos.of(name, DataType.FLOAT, -1, 2)));
        graph.nodes().add(Node.of("Identity", List.of("a"), "y"));
        graph.nodes().add(Node.of("Identity", List.of("b"), "v"));
        graph.nodes().add(Node.of("Identity", List.of("v"), "z"));
        List.of("y", "v", "z").forEach(name -> graph.outputs().add(ValueInfos.of(name, DataType.FLOAT)));
        var part = new Subgraph("part", List.of("a", "b"), List.of("y", "v"), Set.of());
        var rest = new Subgraph("behind", List.of("v"), List.of("z"), Set.of());
        var data = new BlockData(
                part,
                activations(),
                given,
                given,
                targets,
                ahead ? Optional.of(new AcrossBlock(rest, behind)) : Optional.empty());
        var training = Recipes.training().withLoss(distance);
        var loss = new ReconstructionLoss(data, training, SPLIT, graph).loss();
        var forward = TrainingGraph.forward(
                graph, Map.of("a", new long[] {2, 2}, "b", new long[] {2, 2}), List.of(), loss, List.of());
        var batch = new HashMap<>(data.batch(new int[] {0, 1}));
        batch.putAll(weights);
        try (var heldOut = HeldOut.loss(forward, number -> batch, 1, Provider.cpu())) {
            return heldOut.score(Map.of());
        }
    }

    /** Mean error over all elements of a batch, with padded ones exact, relative to the mean of real ones. */
    private static double relative(float[] wanted, float[] given, int elements, int exponent) {
        double apart = 0;
        double power = 0;
        for (int i = 0; i < wanted.length; i++) {
            apart += Math.pow(Math.abs(wanted[i] - given[i]), exponent) / elements;
            power += Math.pow(Math.abs(wanted[i]), exponent) / wanted.length;
        }
        return apart / power;
    }

    private static double y(int exponent) {
        return relative(Y, new float[] {GIVEN_Y[0], GIVEN_Y[2], GIVEN_Y[3]}, GIVEN_Y.length, exponent);
    }

    private static double v(int exponent) {
        return relative(V, GIVEN_V, GIVEN_V.length, exponent);
    }

    @Test
    void theLossIsTheMeanOverOutputsOfTheirDistanceOverTheirPower() {
        assertEquals((y(2) + v(2)) / 2, loss(Distance.MSE, V, false, Map.of()), 1e-6);
        assertEquals((y(1) + v(1)) / 2, loss(Distance.MAE, V, false, Map.of()), 1e-6);
    }

    @Test
    void theEndOfTheStageHasAWeightOfItsOwn() {
        assertEquals(
                3 * (y(2) + v(2)) / 2 + 5 * v(2), loss(Distance.MSE, V, true, ReconstructionLoss.weights(3, 5)), 1e-5);
    }

    @Test
    void anOutputThatIsAlwaysZeroLeavesTheLossFinite() {
        assertTrue(Double.isFinite(loss(Distance.MAE, new float[4], false, Map.of())));
    }
}
