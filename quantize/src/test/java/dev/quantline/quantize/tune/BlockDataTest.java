package dev.quantline.quantize.tune;

import dev.quantline.onnx.Tensor;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** A part between x and y, where x is 1 everywhere in the float network and 0 in the quantized one. */
class BlockDataTest {
    private static final int SAMPLES = 20;
    private static final int CHANNELS = 101;
    private static final long SEED = 17;

    @TempDir
    private Path folder;

    private interface Use {
        void of(BlockData data);
    }

    /** Sample i is {@code lengths[i]} tokens long, and its target is i. */
    private void with(int[] lengths, Use use) {
        try (var fed = new Activations(folder, Map.of());
                var floats = new Activations(folder, Map.of());
                var quantized = new Activations(folder, Map.of());
                var targets = new Activations(folder, Map.of())) {
            for (int i = 0; i < lengths.length; i++) {
                fed.append("number", Tensor.of(new long[] {i}, 1, 1), 1);
                floats.append("x", filled(1, lengths[i], CHANNELS), 1);
                floats.append("ids", Tensor.of(new long[] {1}, 1, 1), 1);
                quantized.append("x", filled(0, lengths[i], CHANNELS), 1);
                quantized.append("ids", Tensor.of(new long[] {0}, 1, 1), 1);
                targets.append("y", filled(i, lengths[i], 1), 1);
            }
            var part = new Subgraph("part", List.of("x", "ids"), List.of("y"), Set.of());
            use.of(new BlockData(part, fed, floats, quantized, targets, Optional.empty()));
        }
    }

    private static Tensor filled(float value, int length, int channels) {
        var values = new float[length * channels];
        Arrays.fill(values, value);
        return Tensor.of(values, 1, length, channels);
    }

    private static int[] alike(int length) {
        var lengths = new int[SAMPLES];
        Arrays.fill(lengths, length);
        return lengths;
    }

    private static double share(float[] values, int from, int to) {
        return IntStream.range(from, to).mapToDouble(i -> values[i]).average().orElseThrow();
    }

    @Test
    void asManyElementsComeFromTheFloatNetworkAsAsked() {
        with(alike(3), data -> {
            var all = IntStream.range(0, SAMPLES).toArray();
            for (double wanted : new double[] {0, 0.25, 0.5, 1}) {
                var x = data.mixed(all, wanted, new Random(SEED)).get("x").toFloats();

                // Five standard deviations of a share over this many draws.
                assertEquals(
                        wanted, share(x, 0, x.length), 5 * Math.sqrt(wanted * (1 - wanted) / x.length), "seed " + SEED);
                for (int row = 0; row < SAMPLES; row++) {
                    double own = share(x, row * 3 * CHANNELS, (row + 1) * 3 * CHANNELS);
                    assertEquals(
                            wanted,
                            own,
                            5 * Math.sqrt(wanted * (1 - wanted) / (3 * CHANNELS)),
                            "sample " + row + ", seed " + SEED);
                }
            }
        });
    }

    @Test
    void neighboursAreDrawnByThemselves() {
        with(alike(3), data -> {
            var x = data.mixed(IntStream.range(0, SAMPLES).toArray(), 0.5, new Random(SEED))
                    .get("x")
                    .toFloats();
            for (int apart = 1; apart <= 5; apart++) {
                int step = apart;
                long equal = IntStream.range(0, x.length - apart)
                        .filter(i -> x[i] == x[i + step])
                        .count();

                assertEquals(0.5, (double) equal / (x.length - apart), 0.035, apart + " apart, seed " + SEED);
            }
        });
    }

    @Test
    void trainingMixesAndJudgingDoesNot() {
        with(alike(3), data -> {
            var trained = data.training(SAMPLES, 4, 0.5, SEED).batch(0).get("x").toFloats();
            var judged = data.judging(0, SAMPLES, 4).batch(0).get("x").toFloats();

            assertEquals(0.5, share(trained, 0, trained.length), 0.1);
            assertEquals(0, share(judged, 0, judged.length));
        });
    }

    @Test
    void whatIsNoFloatComesFromTheQuantizedNetwork() {
        with(alike(1), data -> {
            var ids = data.mixed(new int[] {3, 4}, 1, new Random(SEED)).get("ids");

            assertArrayEquals(new long[] {0, 0}, ids.toLongs());
        });
    }

    private static long[] numbers(Map<String, Tensor> batch) {
        return batch.get("number").toLongs();
    }

    @Test
    void anEpochShowsEverySampleOnceWithItsTarget() {
        with(alike(2), data -> {
            var batches = data.training(SAMPLES, 5, 0, SEED);
            var seen = new HashSet<Long>();
            for (int i = 0; i < 4; i++) {
                var batch = batches.batch(i);
                for (int row = 0; row < 5; row++) {
                    assertTrue(seen.add(numbers(batch)[row]));
                    assertEquals(
                            numbers(batch)[row],
                            batch.get("y" + BlockData.TARGET).get(2 * row));
                }
            }
            assertEquals(SAMPLES, seen.size());
        });
    }

    @Test
    void samplesThatFillNoBatchAreOthersEachEpoch() {
        with(alike(1), data -> {
            var batches = data.training(SAMPLES, 8, 0, SEED);
            var seen = new HashSet<Long>();
            for (int i = 0; i < 20; i++) {
                for (long number : numbers(batches.batch(i))) {
                    seen.add(number);
                }
            }
            assertEquals(SAMPLES, seen.size(), "seed " + SEED);
        });
    }

    @Test
    void aBatchFollowsFromSeedAndNumberAlone() {
        with(alike(2), data -> {
            var inOrder = data.training(SAMPLES, 4, 0.5, SEED);
            IntStream.range(0, 12).forEach(inOrder::batch);

            assertEquals(inOrder.batch(12), data.training(SAMPLES, 4, 0.5, SEED).batch(12));
            assertEquals(inOrder.batch(2), data.training(SAMPLES, 4, 0.5, SEED).batch(2));
            assertNotEquals(
                    inOrder.batch(12), data.training(SAMPLES, 4, 0.5, SEED + 1).batch(12));
            assertFalse(Arrays.equals(numbers(inOrder.batch(0)), numbers(inOrder.batch(5))));
        });
    }

    @Test
    void otherSeedsAndOtherBatchesAreOtherDraws() {
        with(alike(2), data -> {
            var orders = new HashSet<List<Long>>();
            for (long seed = SEED; seed < SEED + 5; seed++) {
                for (int epoch = 0; epoch < 3; epoch++) {
                    orders.add(Arrays.stream(numbers(
                                    data.training(SAMPLES, SAMPLES, 0, seed).batch(epoch)))
                            .boxed()
                            .toList());
                }
            }
            assertEquals(15, orders.size());
            var mixtures = new HashSet<Tensor>();
            for (long seed = SEED; seed < SEED + 5; seed++) {
                for (int number = 0; number < 3; number++) {
                    mixtures.add(data.training(1, 1, 0.5, seed).batch(number).get("x"));
                }
            }
            assertEquals(15, mixtures.size());
        });
    }

    /** Each at least a third longer than the previous: nothing changes their order, and two of ten do not fill a batch of four. */
    @Test
    void theShortestAndTheLongestAreLeftOutInTurn() {
        with(new int[] {3, 5, 7, 10, 14, 19, 26, 35, 47, 63}, data -> {
            var batches = data.training(10, 4, 0, SEED);
            var seen = new HashSet<List<Long>>();
            for (int i = 0; i < 40; i++) {
                seen.add(Arrays.stream(numbers(batches.batch(i))).boxed().toList());
            }
            assertEquals(
                    Set.of(
                            List.of(0L, 1L, 2L, 3L),
                            List.of(1L, 2L, 3L, 4L),
                            List.of(2L, 3L, 4L, 5L),
                            List.of(4L, 5L, 6L, 7L),
                            List.of(5L, 6L, 7L, 8L),
                            List.of(6L, 7L, 8L, 9L)),
                    seen,
                    "seed " + SEED);
        });
    }

    @Test
    void samplesOfLikeLengthAreTrainedTogetherAndJudgedFromTheShortest() {
        var lengths = new int[SAMPLES];
        Arrays.setAll(lengths, i -> i % 2 == 0 ? 40 : 4);
        with(lengths, data -> {
            var training = data.training(SAMPLES, 10, 0.5, SEED);
            for (int i = 0; i < 6; i++) {
                long odd = Arrays.stream(numbers(training.batch(i)))
                        .filter(number -> number % 2 == 1)
                        .count();
                assertTrue(odd == 0 || odd == 10, odd + " short ones of 10, seed " + SEED);
            }
            var sizes = new HashSet<Integer>();
            for (int epoch = 0; epoch < 12; epoch++) {
                sizes.add(training.batch(2 * epoch).get("x").dim(1));
            }
            assertEquals(Set.of(4, 40), sizes, "an epoch begins with either, seed " + SEED);
            var judging = data.judging(0, SAMPLES, 10);
            assertEquals(4, judging.batch(0).get("x").dim(1));
            assertEquals(40, judging.batch(1).get("x").dim(1));
        });
    }

    @Test
    void everySampleOfTheRangeJudges() {
        with(alike(1), data -> {
            var judging = data.judging(4, 12, 4);

            assertArrayEquals(new long[] {4, 5, 6, 7}, numbers(judging.batch(0)));
            assertArrayEquals(new long[] {8, 9, 10, 11}, numbers(judging.batch(1)));
            assertArrayEquals(
                    new long[] {4, 5, 6}, numbers(data.judging(4, 7, 8).batch(0)));
        });
    }

    @Test
    void whatIsFilledUpIsMarked() {
        with(new int[] {1, 3}, data -> {
            var batch = data.batch(new int[] {0, 1});

            assertArrayEquals(
                    new float[] {1, 0, 0, 1, 1, 1},
                    batch.get("y" + BlockData.FILLED).toFloats());
        });
        with(new int[] {3, 3}, data -> assertFalse(data.batch(new int[] {0, 1}).containsKey("y" + BlockData.FILLED)));
    }
}
