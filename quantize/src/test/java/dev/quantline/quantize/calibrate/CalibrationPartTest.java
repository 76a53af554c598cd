package dev.quantline.quantize.calibrate;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.plan.CalibrationTable;
import dev.quantline.quantize.plan.Placement;
import dev.quantline.quantize.profile.Profile;
import dev.quantline.quantize.profile.Profiler;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.Migration;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Calibration in parts is the same as calibration at once. */
class CalibrationPartTest {
    @TempDir
    private Path folder;

    private interface Body {
        void of(Calibrator calibrator, Profile profile) throws IOException;
    }

    private void calibrator(Graph model, Map<String, Tensor> arrays, CalibrateSettings settings, Body body)
            throws IOException {
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), arrays)))) {
            var samples = new Samples(data, model, Map.of());
            var profile = Profiler.observe(
                    model, samples, 0, samples.size(), 8, settings.exclude(), Provider.cpu(), Progress.none());
            body.of(new Calibrator(model, profile, samples, settings, 8, Provider.cpu()), profile);
        }
    }

    private static CalibrateSettings searched(int weightBits, int activationBits) {
        return CalibrateSettings.searched(weightBits, activationBits, List.of()).withCandidates(List.of(3, 8));
    }

    static Stream<Arguments> networks() {
        return Stream.of(
                Arguments.of("attention", Networks.transformer(1), Data.tokens(20, 6, 1), searched(4, 4)),
                Arguments.of("convolutions", Networks.conv(2), Data.images(20, 3), searched(4, 4)),
                Arguments.of(
                        "fixed choices",
                        Networks.transformer(1),
                        Data.tokens(20, 6, 1),
                        CalibrateSettings.of("{layernorm: 'median'}", 4, 8, List.of())),
                Arguments.of(
                        "nothing to move",
                        Networks.transformer(1),
                        Data.tokens(20, 6, 1),
                        CalibrateSettings.of("{range: 'auto', layernorm: 'off'}", 8, 8, List.of())));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("networks")
    void partsGiveTheSameBytes(String name, Graph network, Map<String, Tensor> data, CalibrateSettings settings)
            throws IOException {
        var model = PreparedModel.prepare(network);
        calibrator(model, data, settings, (calibrator, profile) -> {
            // Given
            var whole = calibrator.calibrate(Progress.none(), rewritten -> {});
            var split = new CalibrationPart.Split(model, Placement.of(model, settings.exclude()), profile, settings);

            for (double worth : new double[] {0, 20_000}) {
                // When: each part is done by itself, in any order, and what it leaves is written and read
                var parts = split.parts(worth);
                assertTrue(parts.size() > 1, parts.size() + " parts");
                var moves = new ArrayList<ChannelMoves>();
                for (var part : parts.reversed()) {
                    var file = folder.resolve("moves.json");
                    calibrator.move(part, Progress.none()).write(file);
                    moves.add(ChannelMoves.read(file));
                }
                var moved = calibrator.moves() ? ChannelMoves.join(moves) : ChannelMoves.none();
                var tables = new ArrayList<CalibrationTable>();
                var models = new ArrayList<Graph>();
                for (var part : parts.reversed()) {
                    var file = folder.resolve("table.json");
                    calibrator
                            .choose(part, moved, Progress.none(), rewritten -> models.add(rewritten))
                            .write(file);
                    tables.add(CalibrationTable.read(file));
                }
                var joined = calibrator.join(moved, tables);

                // Then
                assertEquals(whole.plan().toJson(), joined.plan().toJson());
                assertEquals(whole.table(), joined.table());
                models.add(joined.model());
                for (var rewritten : models) {
                    assertArrayEquals(
                            whole.model().toProto().toByteArray(),
                            rewritten.toProto().toByteArray());
                }
                var missing = tables.subList(1, tables.size());
                assertThrows(IllegalStateException.class, () -> calibrator.join(moved, missing));
            }
        });
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("networks")
    void everyPlaceIsInOnePart(String name, Graph network, Map<String, Tensor> data, CalibrateSettings settings)
            throws IOException {
        var model = PreparedModel.prepare(network);
        calibrator(model, data, settings, (calibrator, profile) -> {
            // When
            var all = Placement.of(model, settings.exclude());
            var parts = new CalibrationPart.Split(model, all, profile, settings).parts(0);

            // Then
            var activations = new HashSet<String>();
            var nodes = new HashSet<String>();
            for (var part : parts) {
                assertFalse(part.isEmpty());
                part.activations().forEach(tensor -> assertTrue(activations.add(tensor), tensor));
                part.nodes().forEach(node -> assertTrue(nodes.add(node), node));
                for (var tensor : part.activations()) {
                    assertTrue(
                            part.activations()
                                    .contains(all.activations().get(tensor).gridOf()),
                            tensor);
                }
            }
            assertEquals(all.activations().keySet(), activations);
            all.weights().forEach(weight -> assertTrue(nodes.contains(weight.node()), weight.node()));
        });
    }

    @Test
    void whatIsSmallOrSearchesNothingStaysWhole() throws IOException {
        var model = PreparedModel.prepare(Networks.transformer(1));
        var plain = CalibrateSettings.plain(ActivationRange.MSE, 8, 8, List.of());
        for (var settings : List.of(searched(4, 4), plain)) {
            calibrator(model, Data.tokens(20, 6, 1), settings, (calibrator, profile) -> {
                assertEquals(1, calibrator.parts(CalibrationPart.WORTH).size());
                assertEquals(settings.layernorm() != Migration.OFF, calibrator.moves());
            });
        }
    }
}
