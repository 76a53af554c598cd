package dev.quantline.gradient.train;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Npz;
import dev.quantline.onnx.runtime.Samples;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class MinibatchesTest {
    private static final int SAMPLES = 5000;

    @TempDir
    private Path folder;

    @Test
    void anEpochShowsEverySampleOnceWithItsLabel() throws IOException {
        try (var data = data(SAMPLES)) {
            var batches = new Minibatches(new Samples(data, model(), Map.of()), 8, 1, List.of("labels"), 5);
            var seen = new HashSet<Long>();

            for (int i = 0; i < batches.perEpoch(); i++) {
                var batch = batches.batch(i);
                for (int row = 0; row < 8; row++) {
                    long value = (long) batch.get("x").get(row);
                    assertEquals(value % 10, (long) batch.get("labels").get(row));
                    assertTrue(seen.add(value));
                }
            }

            assertEquals(SAMPLES, seen.size());
        }
    }

    @Test
    void aBatchFollowsFromSeedAndNumberAlone() throws IOException {
        try (var data = data(SAMPLES)) {
            var samples = new Samples(data, model(), Map.of());
            var inOrder = new Minibatches(samples, 32, 1, List.of("labels"), 5);
            for (int i = 0; i < 170; i++) {
                inOrder.batch(i);
            }

            assertEquals(inOrder.batch(170), new Minibatches(samples, 32, 1, List.of("labels"), 5).batch(170));
            assertFalse(inOrder.batch(170).equals(new Minibatches(samples, 32, 1, List.of("labels"), 6).batch(170)));
            assertFalse(inOrder.batch(3).equals(inOrder.batch(3 + inOrder.perEpoch())));
        }
    }

    /** An epoch of 5000 samples is two windows of 2048 and one of 904, whose order, outside and inside, changes from epoch to epoch. */
    @Test
    void everyEpochIsInAnOrderOfItsOwn() throws IOException {
        try (var data = data(SAMPLES)) {
            var batches = new Minibatches(new Samples(data, model(), Map.of()), 8, 1, List.of(), 5);
            var firsts = new HashSet<Integer>();
            for (int epoch = 0; epoch < 12; epoch++) {
                var x = batches.batch(epoch * batches.perEpoch()).get("x").toFloats();
                int ascending = 0;
                for (int row = 1; row < x.length; row++) {
                    ascending += x[row] == x[row - 1] + 1 ? 1 : 0;
                }
                assertTrue(ascending < 4, Arrays.toString(x));
                firsts.add((int) x[0] / 2048);
            }
            assertEquals(3, firsts.size());
            var first = batches.batch(0).get("x").toFloats();
            for (int epoch = 1; epoch < 12; epoch++) {
                assertFalse(Arrays.equals(
                        first,
                        batches.batch(epoch * batches.perEpoch()).get("x").toFloats()));
            }
        }
    }

    @Test
    void asManySamplesAsABatchTakesAreEnough() throws IOException {
        try (var data = data(16)) {
            var batches = new Minibatches(new Samples(data, model(), Map.of()), 16, 1, List.of(), 1);

            assertEquals(1, batches.perEpoch());
            assertEquals(16, batches.batch(0).get("x").size());
        }
    }

    @Test
    void pairsStayTogetherInOrderWithTheirScore() throws IOException {
        try (var data = data(SAMPLES)) {
            var batch = new Minibatches(new Samples(data, model(), Map.of()), 16, 2, List.of("scores"), 1).batch(77);

            assertEquals(8, batch.get("scores").size());
            for (int pair = 0; pair < 8; pair++) {
                double first = batch.get("x").get(2 * pair);
                assertEquals(0, first % 2);
                assertEquals(first + 1, batch.get("x").get(2 * pair + 1));
                assertEquals(first / 2, batch.get("scores").get(pair));
            }
        }
    }

    @Test
    void fewerSamplesThanABatchAreRefused() throws IOException {
        try (var data = data(10)) {
            var samples = new Samples(data, model(), Map.of());

            assertThrows(BadInput.class, () -> new Minibatches(samples, 16, 1, List.of(), 1));
        }
    }

    /** Sample i contains the number i and has label i mod 10; pair i has score i. */
    private Dataset data(int samples) throws IOException {
        var x = new float[samples];
        var labels = new long[samples];
        var scores = new float[samples / 2];
        Arrays.setAll(labels, i -> i % 10);
        for (int i = 0; i < samples; i++) {
            x[i] = i;
            scores[i / 2] = i / 2;
        }
        var file = folder.resolve("data.npz");
        Npz.write(
                file,
                Map.of(
                        "x",
                        Tensor.of(x, samples, 1),
                        "labels",
                        Tensor.vector(labels),
                        "scores",
                        Tensor.vector(scores)));
        return Dataset.open(List.of(file));
    }

    private static Graph model() {
        var graph = Graph.empty(17);
        graph.inputs().add(ValueInfos.of("x", DataType.FLOAT, -1, 1));
        graph.nodes().add(Node.of("Identity", List.of("x"), "y"));
        graph.outputs().add(ValueInfos.of("y", DataType.FLOAT, -1, 1));
        return graph;
    }
}
