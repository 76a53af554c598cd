package dev.quantline.quantize.finetune;

import dev.quantline.fixture.GraphBuilder;
import dev.quantline.gradient.loss.Loss;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Which activations have their outliers reduced, and what is observed of them. */
class OutlierActivationsTest {
    /** x -> h = 2x -> p = softmax(h) -> z = p times a constant, then a layer; with sentences if there is a mask. */
    private static Graph network(boolean masked) {
        var builder = new GraphBuilder(17, 1);
        long[] shape = masked ? new long[] {-1, -1, 2} : new long[] {-1, 2};
        if (masked) {
            builder.input(Samples.MASK, DataType.INT64, -1, -1);
        }
        String twice = builder.constant("twice", Tensor.of(new float[] {2, 0, 0, 2}, 2, 2));
        builder.op("h", "MatMul", builder.input("x", DataType.FLOAT, shape), twice);
        builder.op("p", "Softmax", Map.of("axis", -1), "h");
        builder.op("z", "MatMul", "p", builder.normal("v", 1, 2, 2));
        builder.op("s", "Tanh", builder.op("y", "MatMul", "h", builder.normal("w", 1, 2, 2)));
        builder.op("end", "MatMul", "s", builder.normal("u", 1, 2, 2));
        return builder.output("z", DataType.FLOAT, shape)
                .output("end", DataType.FLOAT, shape)
                .graph();
    }

    private static List<String> tensors(OutlierActivations sites) {
        return sites.all().stream().map(OutlierActivations.Activation::tensor).toList();
    }

    @Test
    void whatLayersReadIsPulledInButInputsAndProbabilities() {
        assertEquals(List.of("h", "s"), tensors(new OutlierActivations(network(false), List.of())));
        assertEquals(
                List.of("h"),
                tensors(new OutlierActivations(network(false), List.of("s"))),
                "activations that stay float have no outlier term");
    }

    @Test
    void everySiteHasATermThatIsWeighedFromOutside() {
        var sites = new OutlierActivations(network(false), List.of());

        assertEquals(
                List.of(
                        new Loss.Term(1, "h/weight", new Loss.Outliers("h", "h/statistics")),
                        new Loss.Term(1, "s/weight", new Loss.Outliers("s", "s/statistics"))),
                sites.terms());
    }

    private static float[] observed(Graph graph, OutlierActivations.Activation site, Map<String, Tensor> inputs) {
        graph.outputs().add(ValueInfos.of(site.observed(), DataType.FLOAT));
        try (var session = Session.open(graph, Provider.cpu(), Session.Optimization.ALL)) {
            return session.run(inputs).get(site.observed()).toFloats();
        }
    }

    @Test
    void meanMeanSquareLeastAndGreatestAreSeen() {
        var graph = network(false);
        var site = new OutlierActivations(graph, List.of()).all().getFirst();

        var seen = observed(graph, site, Map.of("x", Tensor.of(new float[] {1, -3, 0.5f, 2.5f}, 2, 2)));

        // h is 2, -6, 1, 5.
        assertArrayEquals(new float[] {0.5f, (4 + 36 + 1 + 25) / 4f, -6, 5}, seen, 1e-5f);
    }

    @Test
    void paddingIsSeenAsNothing() {
        var graph = network(true);
        var sites = new OutlierActivations(graph, List.of());
        var site = sites.all().getFirst();
        assertTrue(
                sites.all().stream().allMatch(each -> each.tensor().endsWith("/counted")),
                tensors(sites).toString());

        var seen = observed(
                graph,
                site,
                Map.of(
                        "x",
                        Tensor.of(new float[] {1, -3, 100, -100}, 1, 2, 2),
                        Samples.MASK,
                        Tensor.of(new long[] {1, 0}, 1, 2)));

        assertArrayEquals(new float[] {(2 - 6) / 4f, (4 + 36) / 4f, -6, 2}, seen, 1e-5f);
    }
}
