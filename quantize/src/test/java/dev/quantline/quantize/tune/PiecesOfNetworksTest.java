package dev.quantline.quantize.tune;

import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.quantize.fixture.Recipes;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.settings.Distance;
import dev.quantline.quantize.settings.Recipe.Rates;
import dev.quantline.quantize.settings.Recipe.Training;
import dev.quantline.quantize.settings.TuningMethod;
import dev.quantline.quantize.settings.Whole;
import dev.quantline.quantize.tune.Trainables.Weights;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;

/** Which pieces of a network are tuned, which rest of a stage each includes, and what is trained in it. */
class PiecesOfNetworksTest {
    private static final Uniform GRID = Uniform.asymmetric(8, -1, 1);

    private static QuantizationPlan.Weight weight(String tensor, String node) {
        return new QuantizationPlan.Weight(tensor, node, 1, Uniform.symmetric(8, Uniform.PER_TENSOR, new double[] {1}));
    }

    private static QuantizationPlan.Activation activation(String tensor, String... readers) {
        return new QuantizationPlan.Activation(tensor, Set.of(readers), GRID, "fixed");
    }

    private static QuantizationPlan nothing() {
        return new QuantizationPlan(List.of(), List.of());
    }

    @Test
    void aLayerIsAQuantizedProductWithTheBiasBehindIt() {
        // Given: a product with a bias, one with a mask that is not a bias, one of two activations, and one that stays
        // float
        var builder = new GraphBuilder(17, 1);
        builder.op("a", "MatMul", builder.input("x", DataType.FLOAT, -1, 4), builder.normal("u", 1, 4, 4));
        builder.op("ab", "Add", builder.normal("bias", 1, 4), "a");
        builder.op("b", "MatMul", "ab", builder.normal("v", 1, 4, 4));
        builder.op("bm", "Add", "b", builder.normal("mask", 1, 1, 4));
        builder.op("c", "MatMul", "ab", "bm");
        builder.op("d", "MatMul", "c", builder.normal("w", 1, 4, 4));
        var model = builder.output("d", DataType.FLOAT, -1, 4).graph();
        var plan = new QuantizationPlan(
                List.of(activation("ab", "c/MatMul"), activation("bm", "c/MatMul")),
                List.of(weight("u", "a/MatMul"), weight("v", "b/MatMul")));

        // When, Then
        var layers = Layers.of(model, plan);
        assertEquals(
                List.of(
                        new Subgraph("a/MatMul", List.of(), List.of("ab"), Set.of("a/MatMul", "ab/Add")),
                        new Subgraph("b/MatMul", List.of("ab"), List.of("b"), Set.of("b/MatMul")),
                        new Subgraph("c/MatMul", List.of("ab", "bm"), List.of("c"), Set.of("c/MatMul"))),
                layers);
    }

    private static List<Optional<String>> endsOfStages(List<Subgraph> parts, Graph model) {
        var ends = new ArrayList<Optional<String>>();
        for (int i = 0; i < parts.size(); i++) {
            var behind = AcrossBlock.behind(parts, i, model);
            int at = i;
            behind.ifPresent(rest -> assertEquals(parts.get(at).outputs(), rest.inputs()));
            ends.add(behind.map(rest -> rest.outputs().getFirst()));
        }
        return ends;
    }

    @Test
    void theStageOfAPictureEndsWhereItGetsSmaller() {
        var builder = new GraphBuilder(17, 1);
        String at = builder.input("x", DataType.FLOAT, -1, 2, 8, 8);
        var parts = new ArrayList<Subgraph>();
        for (int i = 0; i < 6; i++) {
            String from = at;
            at = i == 4
                    ? builder.op(
                            "p4",
                            "MaxPool",
                            Map.of("kernel_shape", new long[] {2, 1}, "strides", new long[] {2, 1}),
                            from)
                    : builder.op("p" + i, "Conv", from, builder.normal("w" + i, 1, 2, 2, 1, 1));
            parts.add(new Subgraph("p" + i, i == 0 ? List.of() : List.of(from), List.of(at), Set.of()));
        }
        var model = builder.output(at, DataType.FLOAT, -1, 2, 4, 8).graph();

        // Four parts are more than a stage of layers has.
        assertEquals(
                List.of(
                        Optional.of("p3"),
                        Optional.of("p3"),
                        Optional.of("p3"),
                        Optional.empty(),
                        Optional.of("p5"),
                        Optional.empty()),
                endsOfStages(parts, model));
    }

    @Test
    void theStageOfASentenceEndsWithEveryThirdLayer() {
        var builder = new GraphBuilder(17, 1);
        String at = builder.input("x", DataType.FLOAT, -1, 4);
        var parts = new ArrayList<Subgraph>();
        for (int i = 0; i < 7; i++) {
            String from = at;
            at = builder.op("p" + i, "MatMul", from, builder.normal("w" + i, 1, 4, 4));
            parts.add(new Subgraph("p" + i, i == 0 ? List.of() : List.of(from), List.of(at), Set.of()));
        }
        var model = builder.output(at, DataType.FLOAT, -1, 4).graph();

        assertEquals(
                List.of(
                        Optional.of("p2"),
                        Optional.of("p2"),
                        Optional.empty(),
                        Optional.of("p5"),
                        Optional.of("p5"),
                        Optional.empty(),
                        Optional.empty()),
                endsOfStages(parts, model));
    }

    /** x -> h -> s -> y, where gradients cannot pass from y to s. */
    private static Graph opaque(String between) {
        var builder = new GraphBuilder(17, 1);
        builder.op("h", "MatMul", builder.input("x", DataType.FLOAT, -1, 4), builder.normal("w", 1, 4, 4));
        builder.op("s", between, "h");
        builder.op("y", "Hardmax", "s");
        return builder.output("y", DataType.FLOAT, -1, 4).graph();
    }

    @Test
    void whatNoGradientPassesStandsInTheWayOfWhatIsTrainedAlone() {
        var layer = new QuantizationPlan(List.of(), List.of(weight("w", "h/MatMul")));
        var grid = new QuantizationPlan(List.of(activation("s", "y/Hardmax")), List.of());
        var model = opaque("Tanh");

        assertEquals(
                Optional.of("Hardmax"),
                NonDifferentiable.in(Blocks.whole(model), model, layer).map(Node::op));
        assertEquals(
                Optional.of("Hardmax"),
                NonDifferentiable.in(Blocks.whole(model), model, grid).map(Node::op),
                "a trained grid before it");
        assertEquals(
                Optional.empty(), NonDifferentiable.in(Blocks.whole(model), model, nothing()), "nothing is trained");
        var stopped = opaque("Sign");
        assertEquals(
                Optional.empty(),
                NonDifferentiable.in(Blocks.whole(stopped), stopped, layer),
                "no gradient reaches that far");
        var rest = new Subgraph("rest", List.of("h"), List.of("y"), Set.of());
        assertEquals(
                Optional.of("Hardmax"), NonDifferentiable.behind(rest, model).map(Node::op));
        assertEquals(
                Optional.empty(),
                NonDifferentiable.behind(new Subgraph("rest", List.of("h"), List.of("s"), Set.of()), model));
    }

    private static TuneSettings settings(TuningMethod method, Whole whole, int samples, double zeroPointRate) {
        var training = new Training(9, 8, 0.5, Distance.MSE, new Rates(1, 1, 1, 1, 1, 1, 0, zeroPointRate), 0, 0);
        return Recipes.tune(
                "rounding: 'compensated', bias: true, affine: true, layers: '" + method.word() + "', whole: '"
                        + whole.word() + "'",
                samples,
                training);
    }

    @Test
    void everyMethodTrainsWhatItsPaperTrains() {
        assertEquals(
                Trainables.NOTHING, settings(TuningMethod.OFF, Whole.OFF, 1, 1).trainables());
        assertEquals(
                new Trainables(Weights.SHIFTED, true, true, true, true, false),
                settings(TuningMethod.ADAQUANT, Whole.OFF, 1, 0).trainables());
        assertEquals(
                new Trainables(Weights.SHIFTED, true, true, true, true, true),
                settings(TuningMethod.RECONSTRUCT, Whole.OFF, 1, 0.1).trainables());
        assertEquals(
                new Trainables(Weights.ROUNDED, true, false, true, true, false),
                settings(TuningMethod.ADAROUND, Whole.OFF, 1, 0).trainables());
        assertEquals(
                new Trainables(Weights.FIXED, true, false, false, false),
                settings(TuningMethod.OFF, Whole.BIASES, 1, 0).wholeTrainables());
        assertEquals(
                new Trainables(Weights.SHIFTED, true, true, true, false),
                settings(TuningMethod.OFF, Whole.ALL, 1, 0).wholeTrainables());
    }

    @Test
    void afterRoundingNothingIsRoundedOrCorrectedAgain() {
        var before = settings(TuningMethod.RECONSTRUCT, Whole.ALL, 7, 0);
        var after = before.afterRounding();

        assertEquals(
                Recipes.tune(
                        "layers: 'reconstruct', whole: 'all', affine: true",
                        7,
                        before.tune().training()),
                after);
        assertEquals(Recipes.biases(true, 128), Recipes.int8());
        assertEquals(128, Recipes.int8().tune().samples());
        assertEquals(
                TuningMethod.RECONSTRUCT,
                Recipes.reconstruct(Recipes.training()).tune().layers());
    }

    @Test
    void theWholeOfLogitsIsTrainedWhereTheMetricIsOfThem() {
        var tune = settings(TuningMethod.OFF, Whole.LOGITS, 1, 0).tune();

        assertEquals(Whole.OFF, new TuneSettings(tune).whole());
        assertEquals(Whole.ALL, new TuneSettings(tune, true, Optional.empty()).whole());
    }
}
