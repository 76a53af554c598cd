package dev.quantline.quantize.calibrate;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.fixture.Recipes;
import dev.quantline.quantize.profile.Profiler;
import dev.quantline.quantize.quantizer.Codebook;
import dev.quantline.quantize.quantizer.Logarithmic;
import dev.quantline.quantize.quantizer.Quantizer;
import dev.quantline.quantize.quantizer.Tangent;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.Migration;
import dev.quantline.quantize.settings.SoftmaxQuantizer;
import dev.quantline.quantize.settings.WeightRange;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Compares searched quantizers of softmax outputs A, by the error of the product A V, with exhaustive search. */
class SoftmaxSearchTest {
    private static final int TOKENS = 24;
    private static final int ROWS = 96;
    private static final int CHANNELS = 6;

    @TempDir
    private Path folder;

    /** Rows of scores; some rows attend to one token only, as in some heads. */
    private static float[] scores(long seed) {
        var random = new Random(seed);
        var scores = new float[ROWS * TOKENS];
        for (int i = 0; i < scores.length; i++) {
            scores[i] = (float) random.nextGaussian() * (i / TOKENS % 8 == 0 ? 4 : 1.5f);
        }
        return scores;
    }

    private static float[] softmax(float[] scores) {
        var rows = scores.clone();
        for (int row = 0; row < ROWS; row++) {
            double sum = 0;
            for (int i = row * TOKENS; i < (row + 1) * TOKENS; i++) {
                sum += Math.exp(scores[i]);
            }
            for (int i = row * TOKENS; i < (row + 1) * TOKENS; i++) {
                rows[i] = (float) (Math.exp(scores[i]) / sum);
            }
        }
        return rows;
    }

    private static float[] values(long seed) {
        var random = new Random(seed);
        var values = new float[TOKENS * CHANNELS];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    /** Squared error of A V. */
    private static double error(float[] a, float[] v, Quantizer quantizer) {
        var rounded = quantizer.fakeQuantize(Tensor.of(a, ROWS, TOKENS)).toFloats();
        double sum = 0;
        for (int row = 0; row < ROWS; row++) {
            for (int c = 0; c < CHANNELS; c++) {
                double y = 0;
                for (int t = 0; t < TOKENS; t++) {
                    y += (rounded[row * TOKENS + t] - a[row * TOKENS + t]) * v[t * CHANNELS + c];
                }
                sum += y * y;
            }
        }
        return sum;
    }

    private static double[] scales(float[] a) {
        var seen = new Seen(a).histogram();
        return new double[] {seen.max(), seen.quantile(.999), seen.quantile(.99)};
    }

    /** The least error over all tangents of a grid. */
    private static double least(int bits, float[] a, float[] v) {
        double least = Double.POSITIVE_INFINITY;
        for (double s : scales(a)) {
            for (int f = 2; f <= 98; f += 4) {
                for (int c = 0; c <= 20; c++) {
                    double centre = c / 20.0;
                    least = Math.min(
                            least,
                            error(
                                    a,
                                    v,
                                    new Tangent(
                                            bits,
                                            f / 100.0 * Math.PI / 2 / Math.max(centre, 1 - centre),
                                            centre,
                                            (float) s)));
                }
            }
        }
        return least;
    }

    @Test
    void stepsFromTheBestOfAFewReachWhatTheWholeGridHas() {
        double ratios = 0;
        double farthest = 0;
        int cases = 0;
        for (long seed = 1; seed <= 8; seed++) {
            var a = softmax(scores(seed));
            var v = values(seed);
            for (int bits : new int[] {3, 4}) {
                // When
                var found = TanSearch.search(bits, scales(a), candidate -> error(a, v, candidate));

                // Then: a single local minimum may be missed, but not all
                double ratio = error(a, v, found) / least(bits, a, v);
                assertTrue(ratio < 1.2, ratio + " at " + bits + " bits, seed " + seed);
                ratios += ratio;
                cases++;
                farthest = Math.max(farthest, found.c());
                assertTrue(
                        found.c() > .5,
                        "rows of softmax are mostly near 0, and the grid is finest far from " + found.c());
            }
        }
        assertTrue(ratios / cases < 1.05, "errors are " + ratios / cases + " times the least of the grid on average");
        assertTrue(farthest > .95, "the centre is searched up to 1, but got to " + farthest);
    }

    @Test
    void theSearchedTangentIsBetterThanEveryOtherCurve() {
        for (long seed = 1; seed <= 4; seed++) {
            var a = softmax(scores(seed));
            var v = values(seed);
            for (int bits : new int[] {3, 4}) {
                double tangent = error(a, v, TanSearch.search(bits, scales(a), candidate -> error(a, v, candidate)));
                for (double scale : scales(a)) {
                    for (int root = 1; root <= 2; root++) {
                        assertTrue(
                                tangent < error(a, v, new Logarithmic(bits, root, (float) scale)),
                                bits + " bits, root " + root);
                    }
                    assertTrue(tangent < error(a, v, Uniform.asymmetric(bits, 0, scale)), bits + " bits, uniform");
                }
            }
        }
    }

    @Test
    void rowsThatLookAtOneTokenNeedAGridThatIsFineNearOneToo() {
        double searched = 0;
        double fixed = 0;
        for (long seed = 1; seed <= 3; seed++) {
            // Given: most values are almost 0 or almost 1
            var random = new Random(seed);
            var scores = new float[ROWS * TOKENS];
            for (int i = 0; i < scores.length; i++) {
                scores[i] = (float) random.nextGaussian() * 10;
            }
            var a = softmax(scores);
            var v = values(seed);

            // When
            var found = TanSearch.search(3, scales(a), candidate -> error(a, v, candidate));

            // Then
            assertTrue(found.c() > .3 && found.c() < .8, "centre " + found.c());
            searched += error(a, v, found);
            double least = Double.POSITIVE_INFINITY;
            for (int f = 2; f <= 98; f += 2) {
                least = Math.min(least, error(a, v, new Tangent(3, f / 100.0 * Math.PI / 2, 1, (float) scales(a)[0])));
            }
            fixed += least;
        }
        assertTrue(searched < .92 * fixed, searched + " against " + fixed + " with the centre at 1");
    }

    /** {@code x -> softmax(x) v}, with the softmax quantized by the setting. */
    private Codebook chosen(SoftmaxQuantizer softmax, int bits, float[] scores, float[] v) throws IOException {
        var builder = new GraphBuilder(17, 1);
        builder.input("x", DataType.FLOAT, -1, TOKENS);
        builder.op(
                "y",
                "MatMul",
                builder.op("a", "Softmax", Map.of("axis", -1L), "x"),
                builder.constant("v", Tensor.of(v, TOKENS, CHANNELS)));
        var model = PreparedModel.prepare(
                builder.output("y", DataType.FLOAT, -1, CHANNELS).graph());
        var settings = Recipes.calibrate(
                ActivationRange.MINMAX, WeightRange.MAX, softmax, Migration.OFF, 8, bits, List.of(), ROWS);
        try (var data = Dataset.open(
                List.of(Data.write(folder.resolve("data.npz"), Map.of("x", Tensor.of(scores, ROWS, TOKENS)))))) {
            var samples = new Samples(data, model, Map.of());
            var profile = Profiler.observe(model, samples, 0, ROWS, 8, List.of(), Provider.cpu(), Progress.none());
            var plan = Calibrator.calibrate(model, profile, samples, settings, 8, Provider.cpu(), Progress.none())
                    .plan();
            return (Codebook) plan.activations().getFirst().quantizer();
        }
    }

    @Test
    void theScaleOfALogarithmIsTheBestOfRepQsPercentilesForTheProduct() throws IOException {
        int cut = 0;
        for (long seed = 1; seed <= 3; seed++) {
            // Given: a value of almost 1 in one row of many, and everything else small
            var random = new Random(seed);
            var scores = new float[ROWS * TOKENS];
            for (int i = 0; i < scores.length; i++) {
                scores[i] = (float) random.nextGaussian() * .6f + (i == 5 ? 12 : 0);
            }
            var a = softmax(scores);
            var v = values(seed);
            var seen = new Seen(a).histogram();
            for (var softmax : List.of(SoftmaxQuantizer.LOG2, SoftmaxQuantizer.LOGSQRT2)) {
                int root = softmax == SoftmaxQuantizer.LOG2 ? 1 : 2;
                double least = Double.POSITIVE_INFINITY;
                for (double scale :
                        new double[] {seen.max(), seen.quantile(.99999), seen.quantile(.9999), seen.quantile(.999)}) {
                    least = Math.min(least, channelError(a, v, new Logarithmic(3, root, (float) scale)));
                }

                // When
                var found = (Logarithmic) chosen(softmax, 3, scores, v);

                // Then
                assertEquals(root, found.root());
                assertEquals(least, channelError(a, v, found), 1e-4 * least, softmax + ", seed " + seed);
                cut += found.scale() < seen.max() ? 1 : 0;
            }
        }
        assertTrue(cut > 0, "one value is never worth the grid of all others");
    }

    /** Error of A V, with each channel relative to its own power. */
    private static double channelError(float[] a, float[] v, Quantizer quantizer) {
        var rounded = quantizer.fakeQuantize(Tensor.of(a, ROWS, TOKENS)).toFloats();
        double sum = 0;
        for (int c = 0; c < CHANNELS; c++) {
            double noise = 0;
            double power = 0;
            for (int row = 0; row < ROWS; row++) {
                double y = 0;
                double d = 0;
                for (int t = 0; t < TOKENS; t++) {
                    y += a[row * TOKENS + t] * v[t * CHANNELS + c];
                    d += (rounded[row * TOKENS + t] - a[row * TOKENS + t]) * v[t * CHANNELS + c];
                }
                noise += d * d;
                power += y * y;
            }
            sum += noise / power / CHANNELS;
        }
        return sum;
    }
}
