package dev.quantline.quantize.allocate;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.settings.Width;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class CandidatesTest {
    @TempDir
    private Path folder;

    private Widths calibrated(Graph network, Map<String, Tensor> arrays, Width... widths) throws IOException {
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), arrays)))) {
            return Widths.of(network, new Samples(data, network, Map.of()), widths);
        }
    }

    private static Map<String, List<String>> inputs(Graph model, Candidates candidates) {
        return model.nodes().stream()
                .filter(node -> candidates.layers().contains(node.name()))
                .collect(Collectors.toMap(Node::name, Node::inputs));
    }

    private static Map<String, Width> all(Candidates candidates, Width width) {
        return candidates.layers().stream().collect(Collectors.toMap(layer -> layer, layer -> width));
    }

    @Test
    void oneWidthForAllGivesThePlanOfThatWidth() throws IOException {
        var widths = calibrated(Networks.conv(2), Data.images(16, 1), Widths.BASE, Widths.NARROW);
        var candidates = widths.candidates();

        assertEquals(
                candidates.basePlan(),
                candidates.splice(all(candidates, Widths.BASE), inputs(widths.model(), candidates)));
        assertEquals(
                candidates.plans().get(Widths.NARROW),
                candidates.splice(all(candidates, Widths.NARROW), inputs(widths.model(), candidates)));
    }

    @Test
    void aLayerChangesItsOwnWeightsAndWhatItReads() throws IOException {
        // Given
        var widths = calibrated(Networks.transformer(3), Data.tokens(16, 9, 1), Widths.BASE, Widths.NARROWEST);
        var candidates = widths.candidates();
        var inputs = inputs(widths.model(), candidates);
        // Query, key and value read one tensor.
        var shared = candidates.basePlan().activations().stream()
                .filter(activation -> activation.readers().size() == 3)
                .findFirst()
                .orElseThrow();
        String narrow = shared.readers().stream().sorted().findFirst().orElseThrow();
        var chosen = new HashMap<>(all(candidates, Widths.BASE));
        chosen.put(narrow, Widths.NARROWEST);

        // When
        var plan = candidates.splice(chosen, inputs);

        // Then
        var bits = plan.weights().stream()
                .collect(Collectors.toMap(
                        QuantizationPlan.Weight::node,
                        weight -> weight.quantizer().bits()));
        bits.forEach((layer, width) -> assertEquals(layer.equals(narrow) ? 4 : 8, width, layer));
        assertEquals(4, plan.activationOf(shared.tensor(), narrow).orElseThrow().bits());
        shared.readers().stream()
                .filter(reader -> !reader.equals(narrow))
                .forEach(reader -> assertEquals(
                        8,
                        plan.activationOf(shared.tensor(), reader).orElseThrow().bits()));
        OnnxLibrary.check(plan.applyTo(widths.model()));
    }

    @Test
    void whatEverybodyReadsQuantizedHasOneWidth() throws IOException {
        // Given
        var widths = calibrated(Networks.conv(2), Data.images(16, 1), Widths.BASE, Widths.NARROWEST);
        var candidates = widths.candidates();
        var inputs = inputs(widths.model(), candidates);

        // When
        var grids = inputs.entrySet().stream()
                .collect(Collectors.toMap(Map.Entry::getKey, layer -> candidates.gridOf(layer.getValue())));
        var wide = candidates.layers().stream()
                .filter(layer -> !grids.get(layer).isEmpty())
                .findFirst()
                .orElseThrow();
        var chosen = new HashMap<>(all(candidates, Widths.NARROWEST));
        chosen.put(wide, Widths.BASE);
        var plan = candidates.splice(chosen, inputs);

        // Then
        var together = grids.entrySet().stream()
                .filter(layer -> layer.getValue().equals(grids.get(wide)))
                .map(Map.Entry::getKey)
                .toList();
        for (String layer : together) {
            assertEquals(
                    8,
                    plan.activationOf(inputs.get(layer).getFirst(), layer)
                            .orElseThrow()
                            .bits(),
                    layer);
        }
        OnnxLibrary.check(plan.applyTo(widths.model()));
    }

    @Test
    void rowsOfANarrowTableAreRestoredByScalesOfTheirOwn() throws IOException {
        // Given
        var widths = calibrated(Networks.transformer(3), Data.tokens(16, 9, 1), Widths.BASE, Widths.NARROW);
        var model = widths.model();
        var table = widths.candidates().plans().get(Widths.NARROW).weights().stream()
                .filter(weight -> model.nodes().stream()
                        .anyMatch(node -> node.is("Gather") && node.name().equals(weight.node())))
                .findFirst()
                .orElseThrow();
        var gather = model.nodes().stream()
                .filter(node -> node.name().equals(table.node()))
                .findFirst()
                .orElseThrow();
        var constant = model.initializers().get(table.tensor());
        var shown = new QuantizationPlan(List.of(), List.of(table)).applyTo(model);
        shown.outputs().add(ValueInfos.of(gather.output(), DataType.FLOAT));

        // When
        Tensor rows;
        var tokens = Data.tokens(3, 7, 5);
        try (var session = Session.open(shown, Provider.cpu(), Session.Optimization.ALL)) {
            rows = session.run(tokens).get(gather.output());
        }

        // Then
        assertEquals(0, table.quantizer().axis());
        assertEquals(constant.dim(0), table.quantizer().scale().length);
        var restored = table.quantizer().fakeQuantize(constant);
        var ids = tokens.get("input_ids").toLongs();
        for (int i = 0; i < ids.length; i++) {
            assertArrayEquals(
                    restored.rows((int) ids[i], (int) ids[i] + 1).toFloats(),
                    rows.reshape(ids.length, constant.dim(1)).rows(i, i + 1).toFloats(),
                    1e-6f);
        }
    }

    @Test
    void scalesOfRowsLoseLessThanOneScaleForAColumn() {
        var values = new float[64 * 16];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (Math.sin(i) * (1 + i / 16 % 7));
        }
        var table = Tensor.of(values, 64, 16);
        var largest = new double[16];
        for (int i = 0; i < values.length; i++) {
            largest[i % 16] = Math.max(largest[i % 16], Math.abs(values[i]));
        }

        double rows = noise(table, RowScales.of(table, 4));

        assertTrue(rows < .5 * noise(table, Uniform.symmetric(4, 1, largest)), "noise " + rows);
    }

    private static double noise(Tensor table, Uniform quantizer) {
        var restored = quantizer.fakeQuantize(table).toFloats();
        double sum = 0;
        for (int i = 0; i < restored.length; i++) {
            sum += Math.pow(restored[i] - table.get(i), 2);
        }
        return sum;
    }

    @Test
    void aLayerHasTheConstantsOfItsOwnWidthAndOfNoOther() throws IOException {
        // Given a model for each width, whose constants all have that width as their value
        var widths = calibrated(Networks.mlp(1), Data.rows(16, 1), Widths.BASE, Widths.NARROW);
        var wide = filled(widths.model(), 8);
        var narrow = filled(widths.model(), 4);
        // A corrected bias has a new name.
        narrow.rewrite(node ->
                List.of(node.mapInputs(input -> input.equals("second.bias") ? "second.bias/corrected" : input)));
        narrow.initializers().put("second.bias/corrected", narrow.initializers().remove("second.bias"));
        var layers = widths.candidates().layers();
        // The middle layer is a MatMul with its bias in an Add.
        var chosen = new HashMap<>(all(widths.candidates(), Widths.NARROW));
        chosen.put(layers.get(1), Widths.BASE);

        for (var base : List.of(Widths.NARROW, Widths.BASE)) {
            // When
            var models = new FloatModels(widths.model(), base, Map.of(4, narrow, 8, wide));
            var spliced = models.splice(chosen);

            // Then, whichever of them is the base
            var of8 = spliced.initializers().entrySet().stream()
                    .filter(constant -> constant.getValue().type() == DataType.FLOAT
                            && constant.getValue().get(0) == 8)
                    .map(Map.Entry::getKey)
                    .collect(Collectors.toSet());
            assertEquals(
                    Set.of("second.weight", base.equals(Widths.BASE) ? "second.bias" : "second.bias/corrected"), of8);
            for (var width : List.of(Widths.NARROWEST, Widths.NARROW, Widths.BASE)) {
                var part = models.withConstants(widths.model().copy(), width);
                assertEquals(
                        width.weights(),
                        part.initializers().get("second.weight").get(0),
                        width.toString());
            }
        }
    }

    private static Graph filled(Graph model, float value) {
        var filled = model.copy();
        filled.initializers().replaceAll((name, constant) -> {
            var values = new float[constant.size()];
            Arrays.fill(values, value);
            return constant.type() == DataType.FLOAT ? Tensor.of(values, constant.shape()) : constant;
        });
        return filled;
    }

    @Test
    void aWidthWithoutWeightsOfItsOwnIsRefusedInsteadOfGivenAnothers() throws IOException {
        var widths = calibrated(Networks.mlp(1), Data.rows(16, 1), Widths.BASE, Widths.NARROW);
        var model = widths.model();
        var models = new FloatModels(model, Widths.BASE, Map.of(8, model));

        var missing = assertThrows(
                IllegalArgumentException.class, () -> models.splice(all(widths.candidates(), Widths.NARROW)));
        assertTrue(missing.getMessage().contains("[8] bits, not for 4/8"), missing.getMessage());
        assertThrows(IllegalArgumentException.class, () -> new FloatModels(model, Widths.NARROW, Map.of(8, model)));
    }

    @Test
    void candidatesAreReadBackTheSame() throws IOException {
        var widths = calibrated(Networks.mlp(1), Data.rows(16, 1), Widths.BASE, Widths.NARROW);
        widths.candidates().write(folder.resolve("candidates.json"));

        assertEquals(widths.candidates(), Candidates.read(folder.resolve("candidates.json")));
    }

    @Test
    void theChosenPlanKeepsTheBudgetInTruth() throws IOException {
        // Given
        var widths = calibrated(Networks.mlp(1), Data.rows(16, 1), Widths.BASE, Widths.NARROW);
        var candidates = widths.candidates();
        // Every narrow layer takes 50 bytes besides its codes and scales.
        Choice.FileSize size = (model, plan) -> 1000
                + plan.weights().stream()
                        .mapToLong(weight ->
                                Storage.bytes(widths.model().initializers().get(weight.tensor()), weight.quantizer())
                                        + (weight.quantizer().bits() < 8 ? 50 : 0))
                        .sum();
        var rows = candidates.basePlan().weights().stream()
                .map(weight -> new Table.Row(
                        weight.node(),
                        "MatMul",
                        "",
                        List.of(option(widths, weight, Widths.NARROW, 1), option(widths, weight, Widths.BASE, .1))))
                .toList();
        var table = Choice.withStructure(new Table(rows, 0), candidates, widths.models(), size);
        for (int i = 0; i < rows.size(); i++) {
            var measured = table.rows().get(i).options().stream()
                    .map(Table.Option::bytes)
                    .toList();
            assertEquals(
                    List.of(
                            rows.get(i).options().getFirst().bytes() + 50,
                            rows.get(i).options().getLast().bytes()),
                    measured);
        }
        long all = size.of(widths.model(), candidates.basePlan());
        long none = size.of(widths.model(), candidates.plans().get(Widths.NARROW));

        for (int step = 0; step < 8; step++) {
            // When
            long room = none + (all - none) * step / 8;
            var choice = Choice.of(table, candidates, widths.models(), Budget.ofBytes(room), size);

            // Then
            assertEquals(1000, table.fixed());
            assertEquals(
                    size.of(choice.model(), choice.plan()), choice.allocation().bytes());
            assertTrue(choice.allocation().bytes() <= room);
        }
    }

    private static Table.Option option(Widths widths, QuantizationPlan.Weight weight, Width width, double loss) {
        var quantizer = widths.candidates()
                .plans()
                .get(width)
                .weightOf(weight.node())
                .orElseThrow()
                .quantizer();
        return new Table.Option(
                width, loss, Storage.bytes(widths.model().initializers().get(weight.tensor()), quantizer), 0, 0);
    }
}
