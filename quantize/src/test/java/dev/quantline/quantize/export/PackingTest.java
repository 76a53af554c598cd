package dev.quantline.quantize.export;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.fixture.Stages;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.Recipe;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

class PackingTest {
    @TempDir
    private Path folder;

    private Stages calibrated(Graph network, Map<String, Tensor> arrays, int bits) throws IOException {
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), arrays)))) {
            return Stages.run(
                    PreparedModel.prepare(network),
                    new Samples(data, network, Map.of()),
                    CalibrateSettings.plain(ActivationRange.MSE, bits, 8, List.of()));
        }
    }

    private Kernels kernels(Graph model) throws IOException {
        ModelFile.write(model, folder.resolve("model.onnx"));
        return Kernels.of(folder.resolve("model.onnx"), Provider.cpu());
    }

    private static Tensor run(Graph graph, Map<String, Tensor> data) {
        try (var session = Session.open(graph, Provider.cpu(), Session.Optimization.ALL)) {
            return session.run(data).values().iterator().next();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4})
    void narrowCodesTakeHalfAByteAndComputeTheSameOnTheSameKernels(int bits) throws IOException {
        // Given
        var plain = calibrated(Networks.conv(2), Data.images(24, 1), bits).quantized();

        // When
        var packed = new Packing().apply(plain).graph();

        // Then
        OnnxLibrary.check(packed);
        assertEquals(21, packed.opset());
        long codes = plain.initializers().values().stream()
                .filter(tensor -> tensor.type() == DataType.INT8 && tensor.rank() == 4)
                .mapToLong(Tensor::size)
                .filter(size -> size >= 512)
                .sum();
        assertTrue(codes > 2000);
        assertEquals(
                codes,
                packed.initializers().values().stream()
                        .filter(tensor -> tensor.type() == DataType.INT4)
                        .mapToLong(Tensor::size)
                        .sum());
        assertEquals(
                codes / 2,
                packed.initializers().values().stream()
                        .filter(tensor -> tensor.type() == DataType.INT4)
                        .mapToLong(tensor -> tensor.data().capacity())
                        .sum());
        assertEquals(run(plain, Data.images(3, 7)), run(packed, Data.images(3, 7)));
        assertEquals(kernels(plain), kernels(packed));
        assertEquals(1, kernels(packed).integerShare());
    }

    @Test
    void bytesStayAsTheyAreAtTheOpsetTheyWere() throws IOException {
        var plain = calibrated(Networks.conv(2), Data.images(24, 1), 8).quantized();

        assertSame(plain, new Packing().apply(plain).graph());
        assertTrue(plain.opset() <= 20);
    }

    @ParameterizedTest
    @ValueSource(ints = {4, 8})
    void aCompactModelComputesTheSameInLess(int bits) throws IOException {
        // Given
        var stages = calibrated(Networks.transformer(3), Data.tokens(24, 9, 1), bits);
        var quantized = new Packing().apply(stages.quantized()).graph();

        // When
        var compact = new Compact(stages.model()).apply(quantized).graph();

        // Then
        OnnxLibrary.check(compact);
        assertEquals(quantized.outputs(), compact.outputs());
        assertEquals(run(quantized, Data.tokens(3, 7, 2)), run(compact, Data.tokens(3, 7, 2)));
        var names = compact.nodes().stream().map(node -> node.name()).toList();
        assertTrue(names.containsAll(
                stages.model().nodes().stream().map(node -> node.name()).toList()));
        assertTrue(
                ModelFile.size(compact) < .9 * ModelFile.size(quantized),
                ModelFile.size(compact) + " of " + ModelFile.size(quantized));
        assertEquals(kernels(quantized), kernels(compact));
        var added = compact.initializers().keySet().stream()
                .filter(name -> !quantized.initializers().containsKey(name))
                .toList();
        assertTrue(added.size() > 20, added.toString());
        assertEquals(
                added.stream()
                        .sorted(Comparator.comparing(name -> Integer.parseInt(name.substring(1), Character.MAX_RADIX)))
                        .toList(),
                added,
                "in the same order in every process");
    }

    @ParameterizedTest
    @ValueSource(ints = {16, 32})
    void weightsInBlocksRunAsPackedProductsInBothForms(int block) throws IOException {
        // Given: a transformer with only its weights quantized.
        Stages stages;
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), Data.tokens(24, 9, 1))))) {
            var network = Networks.transformer(3);
            stages = Stages.run(
                    PreparedModel.prepare(network),
                    new Samples(data, network, Map.of()),
                    CalibrateSettings.of(
                            "{granularity: 'block', block: " + block + ", layernorm: 'off'}",
                            4,
                            Recipe.FLOAT,
                            List.of()));
        }
        var simulated = run(stages.quantized(), Data.tokens(3, 7, 2));

        // When
        var packed = new Packing().apply(stages.quantized()).graph();
        var products = new BlockProducts().apply(stages.quantized()).graph();

        // Then
        OnnxLibrary.check(packed);
        assertEquals(simulated.size(), run(packed, Data.tokens(3, 7, 2)).size());
        assertTrue(noise(simulated, run(packed, Data.tokens(3, 7, 2))) < 1e-3);
        assertTrue(noise(simulated, run(products, Data.tokens(3, 7, 2))) < 1e-3);
        long weights = products.nodes().stream()
                .filter(node -> node.op().equals("MatMulNBits"))
                .count();
        assertEquals(block == 16 ? 12 : 2, weights);
        assertEquals(kernels(packed).packed(), kernels(products).packed());
    }

    private static double noise(Tensor reference, Tensor other) {
        double noise = 0;
        double power = 0;
        for (int i = 0; i < reference.size(); i++) {
            noise += Math.pow(reference.get(i) - other.get(i), 2);
            power += reference.get(i) * reference.get(i);
        }
        return noise / power;
    }

    @Test
    void theSizeIsThatOfTheFile() throws IOException {
        var model = new Packing()
                .apply(calibrated(Networks.conv(2), Data.images(24, 1), 4).quantized())
                .graph();
        ModelFile.write(model, folder.resolve("model.onnx"));

        assertEquals(
                Files.size(folder.resolve("model.onnx")),
                ModelFile.size(model),
                2.0 * model.initializers().size());
    }
}
