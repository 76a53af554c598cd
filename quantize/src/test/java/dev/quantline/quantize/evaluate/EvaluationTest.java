package dev.quantline.quantize.evaluate;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class EvaluationTest {
    @TempDir
    private Path folder;

    private Evaluation evaluate(long other, String metric, Progress progress) throws IOException {
        var network = Networks.conv(1);
        var file = Data.write(folder.resolve("data.npz"), Data.labelled(network, Data.images(21, 3)));
        try (var data = Dataset.open(List.of(file));
                var one = Session.open(network, Provider.cpu(), Session.Optimization.ALL);
                var two = Session.open(Networks.conv(other), Provider.cpu(), Session.Optimization.ALL)) {
            return Evaluation.run(one, two, new Samples(data, network, Map.of()), Measure.of(metric), 4, progress);
        }
    }

    @Test
    void aModelIsAsGoodAsItself() throws IOException {
        var same = evaluate(1, "top1", Progress.none());

        assertEquals(OptionalDouble.of(1), same.baseline());
        assertEquals(0, same.drop());
        assertEquals(200, same.fidelity().sqnrDb());
    }

    @Test
    void anotherModelIsMeasuredOnTheSameSamples() throws IOException {
        var heard = new ArrayList<Double>();
        var different = evaluate(2, "top1", (fraction, message) -> heard.add(fraction));

        assertEquals(1 - different.changed().orElseThrow(), different.drop(), 1e-12);
        assertTrue(different.drop() > .3, "drop " + different.drop());
        assertTrue(different.fidelity().sqnrDb() < 10);
        assertEquals(1, heard.getLast());
        assertEquals(6, heard.size());
    }

    @Test
    void withoutLabelsOnlyFidelityIsMeasured() throws IOException {
        var unlabelled = evaluate(2, "fidelity", Progress.none());

        assertTrue(unlabelled.baseline().isEmpty());
        assertEquals(0, unlabelled.drop());
    }

    @Test
    void paddingDoesNotCountInFidelity() throws IOException {
        // Given: sentences alternating between 3 and 4 tokens, and the same padded to 12
        var network = Networks.transformer(1);
        var padded = Data.tokens(6, 12, 3);
        var mask = new long[6 * 12];
        for (int i = 0; i < mask.length; i++) {
            mask[i] = i % 12 < 3 + i / 12 % 2 ? 1 : 0;
        }
        padded.put("attention_mask", Tensor.of(mask, 6, 12));
        var alone = new Fidelity();
        try (var one = Session.open(network, Provider.cpu(), Session.Optimization.ALL);
                var two = Session.open(Networks.transformer(2), Provider.cpu(), Session.Optimization.ALL);
                var data = Dataset.open(List.of(Data.write(folder.resolve("padded.npz"), padded)))) {
            for (int i = 0; i < 6; i++) {
                int tokens = 3 + i % 2;
                var ids = padded.get("input_ids").rows(i, i + 1).toLongs();
                var fed = Map.of(
                        "input_ids",
                        Tensor.of(Arrays.copyOf(ids, tokens), 1, tokens),
                        "attention_mask",
                        Tensor.of(Arrays.copyOfRange(mask, 12 * i, 12 * i + tokens), 1, tokens));
                alone.add(
                        one.run(fed).get("hidden").reshape(1, tokens * Networks.WIDTH),
                        two.run(fed).get("hidden").reshape(1, tokens * Networks.WIDTH));
            }

            // When
            var evaluated = Evaluation.run(
                            one, two, new Samples(data, network, Map.of()), Measure.of("fidelity"), 4, Progress.none())
                    .fidelity();

            // Then
            assertEquals(alone.cosine(), evaluated.cosine(), 1e-6);
            assertEquals(alone.sqnrDb(), evaluated.sqnrDb(), 1e-4);
        }
    }

    @Test
    void smallerIsWorseOrBetterAsTheMetricSays() {
        var perplexity = new Evaluation(
                "perplexity", OptionalDouble.of(3), OptionalDouble.of(3.5), false, List.of(), new Fidelity(), Map.of());
        var top1 = new Evaluation(
                "top1", OptionalDouble.of(.9), OptionalDouble.of(.8), true, List.of(), new Fidelity(), Map.of());

        assertEquals(.5, perplexity.drop(), 1e-12);
        assertEquals(.1, top1.drop(), 1e-12);
    }

    @Test
    void latenciesArePositiveAndOfTheModelAsked() {
        var images = Data.images(64, 1);
        var one = Map.of("x", Tensor.of(new float[Networks.FEATURES], 1, Networks.FEATURES));
        try (var large = Session.open(Networks.conv(1), Provider.cpu(), Session.Optimization.ALL);
                var small = Session.open(Networks.mlp(1), Provider.cpu(), Session.Optimization.ALL)) {
            var both = new HashMap<>(images);
            both.putAll(one);

            var milliseconds = Latency.compare(large, small, both);

            assertTrue(
                    milliseconds[0] > milliseconds[1] && milliseconds[1] > 0,
                    milliseconds[0] + " and " + milliseconds[1]);
        }
    }
}
