package dev.quantline.tune;

import dev.quantline.fixture.Networks;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.plan.Placement;
import dev.quantline.plan.QuantizationPlan;
import dev.quantline.profile.Profiler;
import dev.quantline.quantizer.Uniform;
import java.util.HashSet;
import java.util.List;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class BlocksTest {
    static QuantizationPlan plan(Graph model) {
        var placement = Placement.of(model, List.of());
        return new QuantizationPlan(
            placement.activations().values().stream().map(site -> new QuantizationPlan.Activation(site.tensor(), site.readers(),
                Uniform.asymmetric(8, -1, 1), "fixed")).toList(),
            placement.weights().stream().map(place -> new QuantizationPlan.Weight(place.tensor(), place.node(), place.input(),
                Uniform.symmetric(8, Uniform.PER_TENSOR, new double[] {1}))).toList());
    }

    private static List<Subgraph> blocks(Graph model) {
        return Blocks.of(model, plan(model), end -> true);
    }

    @Test
    void aTransformerIsCutBehindEveryLayer() {
        var model = Profiler.prepare(Networks.transformer(1));

        var blocks = blocks(model);

        assertEquals(2, blocks.size());
        assertEquals(List.of(), blocks.getFirst().inputs());
        assertEquals(blocks.getFirst().outputs(), blocks.getLast().inputs());
        assertEquals(List.of("hidden"), blocks.getLast().outputs());
    }

    @Test
    void aResidualBlockIsNotCutInside() {
        var model = Profiler.prepare(Networks.conv(1));

        var ends = blocks(model).stream().map(block -> block.outputs().getFirst()).toList();

        assertEquals(List.of("stem.relu", "pool", "flat", "logits"), ends);
    }

    @Test
    void whatNoGradientPassesIsABlockOfItsOwn() {
        var model = Profiler.prepare(Networks.recurrent(1));

        var ends = Blocks.of(model, plan(model), List.of("first.relu", "state")::contains).stream()
            .map(block -> block.outputs().getFirst()).toList();

        assertEquals(List.of("first.relu", "state", "logits"), ends);
    }

    @Test
    void everyNodeIsInOneBlock() {
        for (var model : List.of(Networks.mlp(1), Networks.conv(1), Networks.transformer(1), Networks.recurrent(1))) {
            var prepared = Profiler.prepare(model);
            var seen = new HashSet<String>();

            for (var block : blocks(prepared)) {
                block.nodes().forEach(node -> assertTrue(seen.add(node), node));
            }

            assertEquals(prepared.nodes().size(), seen.size());
        }
    }

    @Test
    void aBlockTakesWithItWhatMasksAreMadeOf() {
        var model = Profiler.prepare(Networks.transformer(1));

        var second = blocks(model).getLast().cut(model);

        assertTrue(second.inputs().stream().anyMatch(input -> input.getName().equals("attention_mask")));
        assertTrue(second.inputs().stream().noneMatch(input -> input.getName().equals("input_ids")));
    }

    @Test
    void blocksEndWhereTheUserSays() {
        var model = Profiler.prepare(Networks.conv(1));

        var blocks = Blocks.endingIn(List.of("pool"), model, plan(model));

        assertEquals(List.of("pool", "logits"), blocks.stream().map(block -> block.outputs().getFirst()).toList());
    }

    @Test
    void aBlockCannotEndInsideABranch() {
        var model = Profiler.prepare(Networks.conv(1));

        var refused = assertThrows(BadInput.class, () -> Blocks.endingIn(List.of("block.relu"), model, plan(model)));

        assertTrue(refused.getMessage().contains("'block.relu'") && refused.getMessage().contains("pool"), refused.getMessage());
    }
}
