package dev.quantline.quantize.calibrate;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.onnx.runtime.Spilling;
import dev.quantline.quantize.fixture.Recipes;
import dev.quantline.quantize.plan.CalibrationTable;
import dev.quantline.quantize.plan.Placement;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.profile.Profile;
import dev.quantline.quantize.profile.Profiler;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.Migration;
import dev.quantline.quantize.settings.Recipe;
import dev.quantline.quantize.settings.SoftmaxQuantizer;
import dev.quantline.quantize.settings.WeightRange;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/**
 * What calibration chooses on small networks, and what it leaves alone.
 *
 * <p>Longer than 400 lines because each case pairs a setting with its effect, over the same networks and profiles.
 */
class CalibratorTest {
    @TempDir
    private Path folder;

    private Calibrator.Result calibrate(Graph model, Map<String, Tensor> arrays, CalibrateSettings settings)
            throws IOException {
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), arrays)))) {
            var samples = new Samples(data, model, Map.of());
            var profile = Profiler.observe(
                    model, samples, 0, samples.size(), 8, settings.exclude(), Provider.cpu(), Progress.none());
            return Calibrator.calibrate(model, profile, samples, settings, 8, Provider.cpu(), Progress.none());
        }
    }

    private static double noise(Graph reference, Graph other, Map<String, Tensor> data) {
        try (var one = Session.open(reference, Provider.cpu(), Session.Optimization.ALL);
                var two = Session.open(other, Provider.cpu(), Session.Optimization.ALL)) {
            var expected = one.run(data).values().iterator().next().toFloats();
            var actual = two.run(data).values().iterator().next().toFloats();
            double noise = 0;
            double signal = 0;
            for (int i = 0; i < expected.length; i++) {
                noise += Math.pow(expected[i] - actual[i], 2);
                signal += Math.pow(expected[i], 2);
            }
            return noise / signal;
        }
    }

    @Test
    void everyPlaceGetsAQuantizerAndSharedGridsAreShared() throws IOException {
        // Given
        var model = PreparedModel.prepare(Networks.conv(1));
        var placement = Placement.of(model, List.of());

        // When
        var result = calibrate(model, Data.images(20, 1), CalibrateSettings.int8());

        // Then
        var grids = result.plan().activations().stream()
                .collect(Collectors.toMap(QuantizationPlan.Activation::tensor, QuantizationPlan.Activation::quantizer));
        assertEquals(placement.activations().keySet(), grids.keySet());
        placement
                .activations()
                .values()
                .forEach(site -> assertEquals(grids.get(site.gridOf()), grids.get(site.tensor()), site.tensor()));
        assertNotEquals(grids.get("image"), grids.get("stem.relu"));
        assertEquals(placement.weights().size(), result.plan().weights().size());
        assertEquals(grids.size(), result.table().activations().size());
        for (var site : result.table().activations()) {
            assertEquals(1, site.candidates().size());
            var grid = site.candidates().getFirst();
            assertTrue(grid.sqnrDb() > 25 && grid.sqnrDb() < 70, grid.toString());
            assertEquals("mse", grid.range());
            assertNull(grid.consumerError());
        }
        assertSame(model, result.model());
    }

    @Test
    void whatIsSpilledGivesTheSameResult() throws IOException {
        // Given: everything searched on the layers that read it, channel spread moved, on a network with attention
        var model = PreparedModel.prepare(Networks.transformer(1));
        var settings = CalibrateSettings.searched(4, 4, List.of());
        var spilled = Files.createDirectory(folder.resolve("spilled"));
        var inMemory = calibrate(model, Data.tokens(20, 6, 1), settings);

        for (long memory : List.of(0L, 20_000L)) {
            // When
            var other = calibrate(model, Data.tokens(20, 6, 1), settings.with(new Spilling(spilled, memory)));

            // Then
            assertEquals(inMemory.plan(), other.plan());
            assertArrayEquals(
                    inMemory.model().toProto().toByteArray(),
                    other.model().toProto().toByteArray());
            assertEquals(inMemory.table(), other.table());
            try (var left = Files.list(spilled)) {
                assertEquals(0, left.count());
            }
        }
    }

    @Test
    void aMaskThatComesAsDataStaysFloat() throws IOException {
        // Given: scores that were masked before they reached the model
        var builder = new GraphBuilder(17, 1);
        builder.input("x", DataType.FLOAT, -1, 4);
        builder.op("scores", "MatMul", "x", builder.normal("w", 1, 4, 3));
        builder.op("y", "MatMul", "scores", builder.normal("v", 1, 3, 2));
        var model = builder.output("y", DataType.FLOAT, -1, 2).graph();
        var values = new float[40];
        for (int i = 0; i < values.length; i++) {
            values[i] = i % 4 == 3 ? -1e9f : i / 40f;
        }

        // When
        var result = calibrate(model, Map.of("x", Tensor.of(values, 10, 4)), CalibrateSettings.int8());

        // Then
        var plan = result.plan();
        assertTrue(
                result.table().activations().getFirst().left().contains("mask"),
                result.table().toString());
        assertTrue(plan.activations().stream().noneMatch(site -> site.tensor().equals("x")), plan.toString());
        assertEquals(2, plan.weights().size());
    }

    @Test
    void theTableHasEveryPlaceAtEveryCandidateWidth() throws IOException {
        // Given
        var model = PreparedModel.prepare(Networks.transformer(1));
        var settings = CalibrateSettings.searched(6, 5, List.of()).withCandidates(List.of(8, 2, 16));

        // When
        var result = calibrate(model, Data.tokens(12, 9, 1), settings);

        // Then
        assertEquals(
                calibrate(model, Data.tokens(12, 9, 1), settings.withCandidates(List.of()))
                        .plan(),
                result.plan());
        var file = folder.resolve("calibration.json");
        result.table().write(file);
        var table = CalibrationTable.read(file);
        assertEquals(result.table(), table);
        for (var site : table.activations()) {
            assertEquals(
                    List.of(2, 5, 8, 16),
                    site.candidates().stream()
                            .map(CalibrationTable.ActivationCandidate::bits)
                            .toList(),
                    site.tensor());
            var errors = site.candidates().stream()
                    .mapToDouble(CalibrationTable.ActivationCandidate::sqnrDb)
                    .toArray();
            assertTrue(errors[0] < errors[1] && errors[1] < errors[2] && errors[2] < errors[3], site.toString());
        }
        for (var constant : table.weights()) {
            boolean rows = constant.tensor().equals("word_table");
            assertEquals(
                    rows ? List.of(8, 16) : List.of(2, 6, 8, 16),
                    constant.candidates().stream()
                            .map(CalibrationTable.WeightCandidate::bits)
                            .toList());
            assertTrue(
                    constant.candidates().getFirst().error()
                            > constant.candidates().getLast().error(),
                    constant.tensor());
        }
        for (var activation : result.plan().activations()) {
            assertEquals(
                    activation.quantizer(),
                    table.activation(activation.tensor(), 5).orElseThrow().quantizer());
        }
        assertEquals(
                result.plan().weights().getLast().quantizer(),
                table.weight(result.plan().weights().getLast().node(), 6)
                        .orElseThrow()
                        .quantizer());
        assertTrue(
                table.rewrites().getLast().rule().contains("spread"),
                table.rewrites().toString());
    }

    @Test
    void blocksAndSixteenBitsRunAtOpset21() throws IOException {
        var model = PreparedModel.prepare(Networks.transformer(1));
        var data = Data.tokens(12, 9, 1);
        var sixteen = calibrate(model, data, CalibrateSettings.plain(ActivationRange.MINMAX, 8, 16, List.of()));
        var blocks = calibrate(
                model,
                data,
                CalibrateSettings.of("{range: 'minmax', granularity: 'block', block: 16}", 4, Recipe.FLOAT, List.of()));

        assertEquals(21, sixteen.plan().applyTo(model).opset());
        assertTrue(noise(model, sixteen.plan().applyTo(model), data) < 1e-3);
        assertTrue(blocks.plan().activations().isEmpty());
        assertEquals(21, blocks.plan().applyTo(model).opset());
        assertTrue(noise(model, blocks.plan().applyTo(model), data) < .05);
    }

    @Test
    void widthsAndExclusionsAreKeptAndTablesKeepEightBits() throws IOException {
        var model = PreparedModel.prepare(Networks.transformer(1));

        var settings = CalibrateSettings.plain(ActivationRange.MINMAX, 4, 6, List.of("layer1.*"));
        var plan = calibrate(model, Data.tokens(12, 9, 1), settings).plan();

        assertTrue(plan.activations().stream()
                .allMatch(site -> site.quantizer().bits() == 6 && site.range().equals("minmax")));
        for (var weight : plan.weights()) {
            assertEquals(
                    weight.tensor().equals("word_table") ? 8 : 4,
                    weight.quantizer().bits(),
                    weight.tensor());
        }
        assertEquals(7, plan.weights().size());
    }

    @Test
    void aNetworkMayBeLeftFloatBehindItsFirstLayer() throws IOException {
        // Given: the rest to quantize reads the model's input, so that no activation has to be computed
        var model = PreparedModel.prepare(Networks.mlp(1));
        var data = Data.rows(24, 1);

        // When
        var settings = CalibrateSettings.plain(ActivationRange.MSE, 8, 8, List.of("second*", "logits*"));
        var plan = calibrate(model, data, settings).plan();

        // Then
        assertEquals(
                List.of("x"),
                plan.activations().stream()
                        .map(QuantizationPlan.Activation::tensor)
                        .toList());
        assertEquals(
                List.of("first.weight"),
                plan.weights().stream().map(QuantizationPlan.Weight::tensor).toList());
        assertTrue(noise(model, plan.applyTo(model), data) < 1e-3);
    }

    @Test
    void eightBitsStayCloseToFloat() throws IOException {
        for (var network : List.of(Networks.conv(1), Networks.mlp(1), Networks.transformer(1))) {
            var model = PreparedModel.prepare(network);
            var data = switch (network.inputs().getFirst().getName()) {
                case "image" -> Data.images(24, 1);
                case "x" -> Data.rows(24, 1);
                default -> Data.tokens(24, 9, 1);
            };

            var result = calibrate(model, data, CalibrateSettings.int8());

            double noise = noise(network, result.plan().applyTo(result.model()), data);
            assertTrue(noise < 5e-3, network.inputs().getFirst().getName() + ": noise " + noise);
        }
    }

    @Test
    void everySearchedSettingIsMeasuredAndHelpsAtFewBits() throws IOException {
        // Given
        var network = Networks.transformer(2);
        var model = PreparedModel.prepare(network);
        var data = Data.tokens(24, 9, 1);
        var plain = calibrate(model, data, CalibrateSettings.plain(ActivationRange.MINMAX, 4, 4, List.of()));

        // When
        var searched = calibrate(model, data, CalibrateSettings.searched(4, 4, List.of()));

        // Then
        assertTrue(
                noise(model, searched.model(), data) < 1e-7, "the rewritten float model computes something different");
        double before = noise(model, plain.plan().applyTo(plain.model()), data);
        double after = noise(model, searched.plan().applyTo(searched.model()), data);
        assertTrue(after < .9 * before, before + " became " + after);
        assertTrue(searched.table().activations().stream()
                .allMatch(site -> site.candidates().getFirst().consumerError() != null));
    }

    @Test
    void unevenChannelsOfAnyActivationAreMovedIntoItsReader() throws IOException {
        // Given: every third hidden channel is a hundred times as large as its neighbours, and the next layer weights
        // them equally
        var builder = new GraphBuilder(20, 1);
        var uneven = new float[Networks.FEATURES * 48];
        var levelled = new float[48 * 4];
        var random = new Random(4);
        for (int i = 0; i < uneven.length; i++) {
            uneven[i] = (float) random.nextGaussian() * (i % 3 == 0 ? 10 : .1f);
        }
        for (int i = 0; i < levelled.length; i++) {
            levelled[i] = (float) random.nextGaussian() * (i / 4 % 3 == 0 ? .1f : 10);
        }
        String hidden = builder.op(
                "h",
                "MatMul",
                builder.input("x", DataType.FLOAT, -1, Networks.FEATURES),
                builder.constant("w", Tensor.of(uneven, Networks.FEATURES, 48)));
        builder.op("y", "MatMul", builder.op("g", "Gelu", hidden), builder.constant("v", Tensor.of(levelled, 48, 4)));
        var model =
                PreparedModel.prepare(builder.output("y", DataType.FLOAT, -1, 4).graph());
        var data = Data.rows(32, 1);
        var left = Recipes.calibrate(
                ActivationRange.MSE, WeightRange.MSE, SoftmaxQuantizer.UNIFORM, Migration.MEDIAN, 8, 4, List.of(), 32);

        // When
        var without = calibrate(model, data, left);
        var with = calibrate(model, data, CalibrateSettings.searched(8, 4, List.of()));

        // Then
        assertTrue(noise(model, with.model(), data) < 1e-7, "the rewritten float model computes something different");
        assertTrue(without.plan().activations().stream()
                .noneMatch(site -> site.tensor().endsWith("/migrated")));
        assertTrue(
                with.plan().activations().stream()
                        .anyMatch(site -> site.tensor().equals("g/migrated")),
                with.plan().toString());
        double before = noise(model, without.plan().applyTo(without.model()), data);
        double after = noise(model, with.plan().applyTo(with.model()), data);
        assertTrue(after < .2 * before, before + " became " + after);
    }

    @Test
    void fixedChoicesAreTaken() throws IOException {
        var model = PreparedModel.prepare(Networks.transformer(2));
        for (var softmax : List.of(SoftmaxQuantizer.LOG2, SoftmaxQuantizer.LOGSQRT2, SoftmaxQuantizer.TAN)) {
            var settings = Recipes.calibrate(
                    ActivationRange.MAE, WeightRange.MAE, softmax, Migration.MEDIAN, 6, 4, List.of(), 8);

            var result = calibrate(model, Data.tokens(8, 9, 1), settings);

            var labels = result.plan().activations().stream()
                    .filter(site -> site.tensor().endsWith("softmax"))
                    .map(site -> site.quantizer().label())
                    .distinct()
                    .toList();
            assertEquals(List.of(softmax.name().toLowerCase()), labels);
            assertTrue(result.plan().activations().stream()
                    .filter(site -> !site.tensor().endsWith("softmax"))
                    .allMatch(site -> site.quantizer() instanceof Uniform));
            assertTrue(result.plan().activations().stream()
                    .anyMatch(site -> site.tensor().endsWith("/migrated")));
        }
    }

    @Test
    void aDeadChannelWithALargeBiasKeepsItsBias() throws IOException {
        // Given: weights of channel 1 nearly 0, its bias 1000
        var builder = new GraphBuilder(17, 1);
        builder.op(
                "y",
                "Gemm",
                builder.input("x", DataType.FLOAT, -1, Networks.FEATURES),
                builder.normal("w", 1, Networks.FEATURES, 2),
                builder.constant("b", Tensor.vector(1f, 1000f)));
        var w = builder.graph().initializers().get("w").floats();
        for (int i = 1; i < 2 * Networks.FEATURES; i += 2) {
            w.put(i, w.get(i) * 1e-9f);
        }
        var model = builder.output("y", DataType.FLOAT, -1, 2).graph();
        var data = Data.rows(16, 1);

        // When
        var result = calibrate(model, data, CalibrateSettings.int8());

        // Then
        try (var session = Session.open(result.plan().applyTo(model), Provider.cpu(), Session.Optimization.ALL)) {
            var y = session.run(data).get("y");
            for (int i = 0; i < 16; i++) {
                assertEquals(1000, y.get(2 * i + 1), .01);
            }
        }
    }

    @Test
    void whatWasNotProfiledIsNamed() throws IOException {
        var model = PreparedModel.prepare(Networks.mlp(1));
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), Data.rows(4, 1))))) {
            var samples = new Samples(data, model, Map.of());
            var nothing = Profiler.observe(model, samples, 0, 0, 8, List.of(), Provider.cpu(), Progress.none());
            for (var profile : List.of(new Profile(0, Map.of()), nothing)) {
                var message = assertThrows(
                                BadInput.class,
                                () -> Calibrator.calibrate(
                                        model,
                                        profile,
                                        samples,
                                        CalibrateSettings.int8(),
                                        8,
                                        Provider.cpu(),
                                        Progress.none()))
                        .getMessage();

                assertTrue(message.contains("'x'"), message);
            }
        }
    }

    @Test
    void theGridOfAnActivationIsAsymmetricAndOfWeightsSymmetric() throws IOException {
        var plan = calibrate(PreparedModel.prepare(Networks.mlp(3)), Data.rows(16, 1), CalibrateSettings.int8())
                .plan();

        for (var site : plan.activations()) {
            assertEquals(DataType.UINT8, ((Uniform) site.quantizer()).storage());
        }
        for (var weight : plan.weights()) {
            for (int zero : weight.quantizer().zeroPoint()) {
                assertEquals(0, zero);
            }
        }
    }
}
