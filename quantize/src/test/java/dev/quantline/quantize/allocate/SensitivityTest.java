package dev.quantline.quantize.allocate;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Spilling;
import dev.quantline.quantize.evaluate.Measure;
import dev.quantline.quantize.evaluate.OutputLoss;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class SensitivityTest {
    @TempDir
    private Path folder;

    static Stream<Arguments> networks() {
        return Stream.of(
                Arguments.of(Networks.mlp(1), Data.rows(24, 2), "top1"),
                Arguments.of(Networks.conv(2), Data.images(24, 3), "top1"),
                Arguments.of(Networks.transformer(3), Data.tokens(24, 9, 4), "fidelity"),
                Arguments.of(Networks.recurrent(4), Data.sequences(24, 5), "top1"));
    }

    @ParameterizedTest
    @MethodSource("networks")
    void aLayersLossIsThatOfTheWholeModelWithThisLayerAloneQuantized(
            Graph network, Map<String, Tensor> arrays, String metric) throws IOException {
        // Given
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), arrays)))) {
            var samples = new Samples(data, network, Map.of());
            var widths = Widths.of(network, samples, Widths.BASE, Widths.NARROW, Widths.NARROWEST);
            var candidates = widths.candidates();
            var loss = OutputLoss.of(Measure.of(metric), data, false);

            // When
            var table = Sensitivity.measure(
                    widths.models(),
                    candidates,
                    Set.copyOf(candidates.layers()),
                    samples,
                    8,
                    24,
                    8,
                    loss,
                    Provider.cpu(),
                    Spilling.usual(),
                    Progress.none());

            // Then
            assertEquals(candidates.layers().size(), table.rows().size());
            for (var row : table.rows()) {
                var node = widths.model().nodes().stream()
                        .filter(one -> one.name().equals(row.layer()))
                        .findFirst()
                        .orElseThrow();
                assertEquals(
                        List.of(Widths.NARROWEST, Widths.NARROW, Widths.BASE),
                        row.options().stream().map(Table.Option::width).toList());
                for (var option : row.options()) {
                    var alone = candidates
                            .alone(row.layer(), node.inputs(), option.width())
                            .applyTo(widths.model());
                    double whole = Sensitivity.loss(widths.model(), alone, samples, 8, 24, 8, loss, Provider.cpu());
                    assertEquals(whole, option.loss(), 1e-6 + .05 * whole, row.layer() + " at " + option.width());
                }
            }
        }
    }

    @Test
    void layersMeasuredInGroupsGiveTheSameTable() throws IOException {
        // Given
        var network = Networks.mlp(1);
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), Data.rows(16, 2))))) {
            var samples = new Samples(data, network, Map.of());
            var widths = Widths.of(network, samples, Widths.BASE, Widths.NARROW);
            var layers = widths.candidates().layers();
            var all = measure(widths, samples, Set.copyOf(layers));

            // When
            var parts = layers.stream()
                    .map(layer -> new Sensitivities("x", 16, measure(widths, samples, Set.of(layer))))
                    .toList();

            // Then
            assertEquals(losses(all), losses(Sensitivities.join(parts).table()));
        }
    }

    @Test
    void whatIsSpilledGivesTheSameTable() throws IOException {
        // Given a network whose layers have several tensors before them
        var network = Networks.conv(1);
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), Data.images(16, 2))))) {
            var samples = new Samples(data, network, Map.of());
            var widths = Widths.of(network, samples, Widths.BASE, Widths.NARROW);
            var layers = Set.copyOf(widths.candidates().layers());
            var spilled = Files.createDirectory(folder.resolve("spilled"));

            // When nothing, or only a little, may stay in memory
            var none = measure(widths, samples, layers, Spilling.all(spilled));
            var little = measure(widths, samples, layers, new Spilling(spilled, 10_000));

            // Then
            assertEquals(losses(measure(widths, samples, layers)), losses(none));
            assertEquals(losses(none), losses(little));
            try (var left = Files.list(spilled)) {
                assertEquals(0, left.count());
            }
        }
    }

    private static Table measure(Widths widths, Samples samples, Set<String> layers) {
        return measure(widths, samples, layers, Spilling.usual());
    }

    private static Table measure(Widths widths, Samples samples, Set<String> layers, Spilling spilling) {
        return Sensitivity.measure(
                widths.models(),
                widths.candidates(),
                layers,
                samples,
                0,
                16,
                8,
                new OutputLoss.Distance(),
                Provider.cpu(),
                spilling,
                Progress.none());
    }

    private static Map<String, List<Double>> losses(Table table) {
        return table.rows().stream()
                .collect(Collectors.toMap(
                        Table.Row::layer,
                        row -> row.options().stream().map(Table.Option::loss).toList()));
    }

    @Test
    void bitOperationsCountTheProductsOfOneSample() throws IOException {
        var network = Networks.mlp(1);
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), Data.rows(16, 2))))) {
            var samples = new Samples(data, network, Map.of());
            var widths = Widths.of(network, samples, Widths.BASE, Widths.NARROW);

            var table =
                    measure(widths, samples, new HashSet<>(widths.candidates().layers()));

            // Gemm 8 x 24, MatMul 24 x 24, Gemm 24 x 10.
            assertEquals(
                    List.of(8 * 24.0, 24 * 24.0, 24 * 10.0),
                    table.rows().stream()
                            .map(row -> row.options().getLast().bitOperations() / 64)
                            .toList());
            assertTrue(table.rows().stream()
                    .allMatch(row -> row.options().getFirst().milliseconds() > 0));
        }
    }

    /** Codes, and a float scale and a zero point for each output channel. */
    @Test
    void bytesAreThoseOfALayersOwnCodes() throws IOException {
        var network = Networks.mlp(1);
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), Data.rows(16, 2))))) {
            var samples = new Samples(data, network, Map.of());
            var widths = Widths.of(network, samples, Widths.BASE, Widths.NARROW);

            var table =
                    measure(widths, samples, new HashSet<>(widths.candidates().layers()));

            var sizes = List.of(8 * 24, 24 * 24, 24 * 10);
            var channels = List.of(24, 24, 10);
            for (int i = 0; i < sizes.size(); i++) {
                var options = table.rows().get(i).options();
                assertEquals(Widths.NARROW, options.getFirst().width());
                assertEquals(
                        sizes.get(i) / 2 + channels.get(i) * 4 + channels.get(i) / 2,
                        options.getFirst().bytes());
                assertEquals(
                        sizes.get(i) + channels.get(i) * 4 + channels.get(i),
                        options.getLast().bytes());
            }
        }
    }

    /** At least four of seven runs take the median or longer. */
    @Test
    void timeIsThatOfOneSample() throws IOException {
        int batch = 512;
        var network = Networks.mlp(1);
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), Data.rows(batch, 2))))) {
            var samples = new Samples(data, network, Map.of());
            var widths = Widths.of(network, samples, Widths.BASE);
            long began = System.nanoTime();

            var table = Sensitivity.measure(
                    widths.models(),
                    widths.candidates(),
                    Set.copyOf(widths.candidates().layers()),
                    samples,
                    0,
                    batch,
                    batch,
                    new OutputLoss.Distance(),
                    Provider.cpu(),
                    Spilling.usual(),
                    Progress.none());

            double all = (System.nanoTime() - began) / 1e6;
            double runs = table.rows().stream()
                    .mapToDouble(row -> row.options().getFirst().milliseconds())
                    .sum();
            assertTrue(runs > 0 && 4 * batch * runs < all, runs + " of " + all);
        }
    }

    @Test
    void outputsThatDoNotDependOnALayerAreLeftAsTheyAre() throws IOException {
        // Given: two parallel layers, each with its own output
        var builder = new GraphBuilder(17, 4);
        builder.input("x", DataType.FLOAT, -1, Networks.FEATURES);
        builder.op("a", "MatMul", builder.op("half", "Relu", "x"), builder.normal("u", 1, Networks.FEATURES, 4));
        builder.op("b", "Tanh", builder.op("product", "MatMul", "half", builder.normal("v", 1, Networks.FEATURES, 4)));
        var network = builder.output("a", DataType.FLOAT, -1, 4)
                .output("b", DataType.FLOAT, -1, 4)
                .graph();
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), Data.rows(16, 2))))) {
            var samples = new Samples(data, network, Map.of());
            var widths = Widths.of(network, samples, Widths.BASE, Widths.NARROWEST);
            var seen = new ArrayList<Double>();
            var loss = new OutputLoss.Distance();

            // When
            var table = Sensitivity.measure(
                    widths.models(),
                    widths.candidates(),
                    Set.copyOf(widths.candidates().layers()),
                    samples,
                    0,
                    16,
                    8,
                    loss,
                    Provider.cpu(),
                    Spilling.usual(),
                    (done, what) -> seen.add(done));

            // Then
            assertEquals(List.of(.5, 1.0), seen);
            for (var row : table.rows()) {
                var node = widths.model().node(row.layer()).orElseThrow();
                for (var option : row.options()) {
                    var alone = widths.candidates()
                            .alone(row.layer(), node.inputs(), option.width())
                            .applyTo(widths.model());
                    double whole = Sensitivity.loss(widths.model(), alone, samples, 0, 16, 8, loss, Provider.cpu());
                    assertEquals(whole, option.loss(), 1e-6 + .01 * whole, row.layer() + " at " + option.width());
                    assertTrue(
                            option.milliseconds() > 0 && option.milliseconds() < 1000,
                            "a product of 8 by 4 takes less than a second");
                }
                assertTrue(
                        row.options().getFirst().loss()
                                > 3 * row.options().getLast().loss(),
                        row.toString());
            }
        }
    }

    @Test
    void tooFewSamplesAreRefused() throws IOException {
        var network = Networks.mlp(1);
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), Data.rows(16, 2))))) {
            var samples = new Samples(data, network, Map.of());
            var widths = Widths.of(network, samples, Widths.BASE);

            assertThrows(
                    BadInput.class,
                    () -> Sensitivity.measure(
                            widths.models(),
                            widths.candidates(),
                            Set.of(),
                            samples,
                            16,
                            16,
                            8,
                            new OutputLoss.Distance(),
                            Provider.cpu(),
                            Spilling.usual(),
                            Progress.none()));
        }
    }
}
