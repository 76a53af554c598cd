package dev.quantline.quantize.tune;

import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.quantize.plan.Placement;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Uniform;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class BlocksTest {
    static QuantizationPlan plan(Graph model) {
        var placement = Placement.of(model, List.of());
        return new QuantizationPlan(
                placement.activations().values().stream()
                        .map(site -> new QuantizationPlan.Activation(
                                site.tensor(), site.readers(), Uniform.asymmetric(8, -1, 1), "fixed"))
                        .toList(),
                placement.weights().stream()
                        .map(place -> new QuantizationPlan.Weight(
                                place.tensor(),
                                place.node(),
                                place.input(),
                                Uniform.symmetric(8, Uniform.PER_TENSOR, new double[] {1})))
                        .toList());
    }

    private static List<Subgraph> blocks(Graph model) {
        return Blocks.of(model, plan(model), end -> true);
    }

    @Test
    void aTransformerIsCutBehindEveryLayer() {
        var model = PreparedModel.prepare(Networks.transformer(1));

        var blocks = blocks(model);

        assertEquals(2, blocks.size());
        assertEquals(List.of(), blocks.getFirst().inputs());
        assertEquals(blocks.getFirst().outputs(), blocks.getLast().inputs());
        assertEquals(List.of("hidden"), blocks.getLast().outputs());
    }

    @Test
    void aResidualBlockIsNotCutInside() {
        var model = PreparedModel.prepare(Networks.conv(1));

        var ends =
                blocks(model).stream().map(block -> block.outputs().getFirst()).toList();

        assertEquals(List.of("stem.relu", "pool", "flat", "logits"), ends);
    }

    @Test
    void whatNoGradientPassesIsABlockOfItsOwn() {
        var model = PreparedModel.prepare(Networks.recurrent(1));

        var ends = Blocks.of(model, plan(model), List.of("first.relu", "state")::contains).stream()
                .map(block -> block.outputs().getFirst())
                .toList();

        assertEquals(List.of("first.relu", "state", "logits"), ends);
    }

    @Test
    void everyNodeIsInOneBlock() {
        for (var model : List.of(Networks.mlp(1), Networks.conv(1), Networks.transformer(1), Networks.recurrent(1))) {
            var prepared = PreparedModel.prepare(model);
            var seen = new HashSet<String>();

            for (var block : blocks(prepared)) {
                block.nodes().forEach(node -> assertTrue(seen.add(node), node));
            }

            assertEquals(prepared.nodes().size(), seen.size());
        }
    }

    @Test
    void aBlockTakesWithItWhatMasksAreMadeOf() {
        var model = PreparedModel.prepare(Networks.transformer(1));

        var second = blocks(model).getLast().cut(model);

        assertTrue(second.inputs().stream().anyMatch(input -> input.getName().equals("attention_mask")));
        assertTrue(second.inputs().stream().noneMatch(input -> input.getName().equals("input_ids")));
    }

    @Test
    void blocksEndWhereTheUserSays() {
        var model = PreparedModel.prepare(Networks.conv(1));

        var blocks = Blocks.endingIn(List.of("pool"), model, plan(model));

        assertEquals(
                List.of("pool", "logits"),
                blocks.stream().map(block -> block.outputs().getFirst()).toList());
    }

    @Test
    void aBlockCannotEndInsideABranch() {
        var model = PreparedModel.prepare(Networks.conv(1));

        var refused = assertThrows(BadInput.class, () -> Blocks.endingIn(List.of("block.relu"), model, plan(model)));

        assertTrue(
                refused.getMessage().contains("'block.relu'")
                        && refused.getMessage().contains("pool"),
                refused.getMessage());
    }

    private static QuantizationPlan plan(List<String> activations, String... layers) {
        return new QuantizationPlan(
                activations.stream()
                        .map(tensor -> new QuantizationPlan.Activation(
                                tensor, Set.of(), Uniform.asymmetric(8, -1, 1), "fixed"))
                        .toList(),
                Arrays.stream(layers)
                        .map(node -> new QuantizationPlan.Weight(
                                "w", node, 1, Uniform.symmetric(8, Uniform.PER_TENSOR, new double[] {1})))
                        .toList());
    }

    private static GraphBuilder draft() {
        var builder = new GraphBuilder(17, 1);
        builder.normal("w", 1, 4, 4);
        builder.input("x", DataType.FLOAT, -1, 4);
        return builder;
    }

    private static Graph ending(GraphBuilder builder, String output) {
        return builder.output(output, DataType.FLOAT, -1, 4).graph();
    }

    @Test
    void blocksAreCalledWhatTheirLayersHaveInCommon() {
        var conv = PreparedModel.prepare(Networks.conv(1));
        var transformer = PreparedModel.prepare(Networks.transformer(1));
        var builder = draft();
        builder.op("sum", "Add", builder.op("/one", "MatMul", "x", "w"), builder.op("/two", "MatMul", "x", "w"));
        var apart = ending(builder, builder.op("y", "MatMul", "sum", "w"));

        assertEquals(
                List.of("stem/Conv", "block", "wide/Conv", "logits/Gemm"),
                blocks(conv).stream().map(Subgraph::name).toList());
        assertEquals(
                List.of("layer0", "layer1"),
                blocks(transformer).stream().map(Subgraph::name).toList());
        assertEquals(
                List.of("block 0", "y/MatMul"),
                Blocks.of(apart, plan(List.of("x", "sum"), "/one/MatMul", "/two/MatMul", "y/MatMul"), end -> true)
                        .stream()
                        .map(Subgraph::name)
                        .toList());
    }

    @Test
    void whatTheInputAddsBehindALayerIsNotCutOff() {
        var builder = draft();
        builder.op("h", "Relu", builder.op("a", "MatMul", "x", "w"));
        var model = ending(builder, builder.op("y", "MatMul", builder.op("sum", "Add", "h", "x"), "w"));

        assertEquals(List.of("sum"), Blocks.narrows(model, plan(List.of("x"), "a/MatMul", "y/MatMul")));
    }

    @Test
    void whatNobodyReadsIsInNobodysWayAndAnOutputIsInEveryones() {
        var builder = draft();
        builder.graph().nodes().add(new Node("split", "Split", "", List.of("x"), List.of("left", "right"), Map.of()));
        builder.op("a", "MatMul", "left", builder.normal("v", 1, 2, 4));
        builder.op("b", "MatMul", "a", "w");
        var model = ending(builder, builder.op("y", "MatMul", "b", "w"));
        var plan = plan(List.of("x"), "a/MatMul", "b/MatMul", "y/MatMul");

        assertEquals(List.of("left", "a", "b"), Blocks.narrows(model, plan));
        model.outputs().add(ValueInfos.of("right", DataType.FLOAT, -1, 2));
        assertEquals(List.of(), Blocks.narrows(model, plan));
    }

    /** a is a quantized layer, b one that stays float, p a product of activations, c the layer after it. */
    @Test
    void aPieceWithoutALayerGoesWithTheOneBeforeAndAProductWithTheLayersBehind() {
        var builder = draft();
        builder.op("b", "MatMul", builder.op("a", "MatMul", "x", "w"), "w");
        builder.op("p", "MatMul", "b", builder.op("turned", "Transpose", "b"));
        var model = ending(builder, builder.op("c", "MatMul", "p", builder.normal("v", 1, 4, 4)));

        assertEquals(
                List.of(List.of("a/MatMul", "b/MatMul"), List.of("turned/Transpose", "p/MatMul", "c/MatMul")),
                Blocks.of(model, plan(List.of("x", "b", "turned", "p"), "a/MatMul", "c/MatMul"), end -> true).stream()
                        .map(block -> List.copyOf(block.nodes()))
                        .toList());
    }

    @Test
    void theWholeIsEverythingUpToAllOutputs() {
        var model = Networks.transformer(1);
        model.outputs().add(ValueInfos.of("layer0.output.norm", DataType.FLOAT, -1, -1, Networks.WIDTH));

        var whole = Blocks.whole(model);

        assertEquals(List.of(), whole.inputs());
        assertEquals(List.of("hidden", "layer0.output.norm"), whole.outputs());
        assertEquals(model.nodes().size(), whole.nodes().size());
    }
}
