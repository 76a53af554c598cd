package dev.quantline.quantize.tune;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.BatchAxis;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.fixture.Recipes;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.Rounding;
import dev.quantline.quantize.settings.TuningMethod;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

/**
 * A network that temporarily folds two windows of every sample into the batch axis:
 * {@code x [n, 4] -> a [n, 4] -> f [2n, 2] -> g [2n, 2] -> h [n, 4] -> y [n, 3]}, with layers before a, between f and g, and before
 * y.
 */
class PartitionTest {
    private static final int FLOATS = 4 + 4 + 4 + 4 + 3;

    @TempDir
    private Path folder;

    private interface Task {
        void on(Partition partition);
    }

    private static Graph model(long samples, boolean endsFolded) {
        var builder = new GraphBuilder(17, 1);
        builder.op("a", "MatMul", builder.input("x", DataType.FLOAT, samples, 4), builder.normal("u", 1, 4, 4));
        builder.op("f", "Reshape", "a", builder.constant("windows", Tensor.vector(-1L, 2L)));
        builder.op("g", "MatMul", "f", builder.normal("v", 1, 2, 2));
        builder.op("h", "Reshape", "g", builder.constant("rows", Tensor.vector(-1L, 4L)));
        builder.op("y", "MatMul", "h", builder.normal("w", 1, 4, 3));
        builder.op("class", "ArgMax", Map.of("axis", 1L), "y");
        builder.output("y", DataType.FLOAT, samples, 3);
        return endsFolded ? builder.output("g", DataType.FLOAT, -1, 2).graph() : builder.graph();
    }

    private static QuantizationPlan plan() {
        var weights = Uniform.symmetric(8, Uniform.PER_TENSOR, new double[] {3});
        return new QuantizationPlan(
                List.of(new QuantizationPlan.Activation("x", Set.of(), Uniform.asymmetric(8, -3, 3), "fixed")),
                List.of(
                        new QuantizationPlan.Weight("u", "a/MatMul", 1, weights),
                        new QuantizationPlan.Weight("v", "g/MatMul", 1, weights),
                        new QuantizationPlan.Weight("w", "y/MatMul", 1, weights)));
    }

    private void with(Graph model, Task task) throws IOException {
        var rows = Map.of("x", Data.rows(4, 3).get("x").reshape(8, 4));
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), rows)))) {
            task.on(new Partition(model, plan(), new Samples(data, model, Map.of()), Provider.cpu()));
        }
    }

    private static List<String> ends(Partition partition, Rounding rounding, TuningMethod method, String... blocks) {
        var settings = Recipes.tune(
                "rounding: '" + rounding.word() + "', layers: '" + method.word() + "', blocks: " + Json.tree(blocks),
                8,
                Recipes.training());
        return partition.of(settings).stream()
                .map(piece -> String.join(" ", piece.outputs()))
                .toList();
    }

    @Test
    void piecesBeginAndEndWhereEverySampleHasItsPlace() throws IOException {
        with(model(-1, false), partition -> {
            assertEquals(List.of("a", "h", "y"), ends(partition, Rounding.NEAREST, TuningMethod.RECONSTRUCT));
            assertEquals(List.of("a", "h", "y"), ends(partition, Rounding.COMPENSATED, TuningMethod.OFF));
            assertEquals(List.of(), ends(partition, Rounding.NEAREST, TuningMethod.OFF));
            assertEquals(List.of("a", "y"), ends(partition, Rounding.NEAREST, TuningMethod.ADAQUANT));
            assertEquals(List.of("a", "y"), ends(partition, Rounding.COMPENSATED, TuningMethod.ADAROUND));
            assertEquals(List.of("a", "y"), ends(partition, Rounding.NEAREST, TuningMethod.RECONSTRUCT, "a"));
            assertEquals(
                    List.of("y"),
                    ends(partition, Rounding.NEAREST, TuningMethod.RECONSTRUCT, "h", "g"),
                    "pieces that begin or end in g");
            assertEquals(BatchAxis.FIRST, partition.axes().get("h"));
            assertFalse(partition.axes().containsKey("g"));
        });
    }

    @Test
    void theWholeIsOneUnlessAnOutputHasNoPlaceForASample() throws IOException {
        with(
                model(-1, false),
                partition -> assertEquals(
                        List.of(List.of("y")),
                        partition.whole().stream().map(Subgraph::outputs).toList()));
        with(model(-1, true), partition -> assertEquals(List.of(), partition.whole()));
    }

    @Test
    void bytesAreThoseOfTheFloatsOfOneSample() throws IOException {
        for (long samples : new long[] {-1, 4}) {
            with(model(samples, false), partition -> assertEquals(4 * FLOATS, partition.bytesASample()));
        }
    }
}
