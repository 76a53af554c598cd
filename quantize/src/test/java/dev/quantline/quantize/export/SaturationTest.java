package dev.quantline.quantize.export;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Processor;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.fixture.Stages;
import dev.quantline.quantize.plan.CalibrationTable;
import dev.quantline.quantize.plan.Target;
import dev.quantline.quantize.quantizer.Uniform;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class SaturationTest {
    private static final int SIZE = 8;

    @TempDir
    private Path folder;

    /** Activations and neighbouring weights are as large as possible, which saturates first. */
    private static Graph network() {
        var builder = new GraphBuilder(17, 1);
        builder.input("image", DataType.FLOAT, -1, 4, SIZE, SIZE);
        builder.op(
                "wide",
                "Conv",
                Map.of("kernel_shape", new long[] {1, 1}),
                "image",
                builder.constant("wide.w", weights(16, 4, 1)));
        builder.op(
                "deep",
                "Conv",
                Map.of("kernel_shape", new long[] {3, 3}, "group", 16L),
                "wide",
                builder.constant("deep.w", weights(16, 1, 3)));
        builder.op("rows", "Flatten", "deep");
        builder.op("y", "Gemm", "rows", builder.constant("gemm.w", weights(16 * 36, 10)));
        return builder.output("y", DataType.FLOAT, -1, 10).graph();
    }

    private static Tensor weights(long... shape) {
        var kernel = shape.length == 3 ? new long[] {shape[0], shape[1], shape[2], shape[2]} : shape;
        var values = new float[(int) Tensor.count(kernel)];
        for (int i = 0; i < values.length; i++) {
            values[i] = (i % 5 == 4 ? -0.2f : 1) + 0.01f * (i % 7);
        }
        return Tensor.of(values, kernel);
    }

    private Stages stages(Target target) throws IOException {
        var images = new float[16 * 4 * SIZE * SIZE];
        for (int i = 0; i < images.length; i++) {
            images[i] = i % 11 == 0 ? 0.3f : 1;
        }
        var file = Data.write(
                folder.resolve(target.label() + ".npz"), Map.of("image", Tensor.of(images, 16, 4, SIZE, SIZE)));
        var model = PreparedModel.prepare(network());
        try (var data = Dataset.open(List.of(file))) {
            return Stages.run(
                    model,
                    new Samples(data, model, Map.of()),
                    CalibrateSettings.int8().withPairLimit(target.pairLimit(8)));
        }
    }

    private static Saturation of(Stages stages, Target target) {
        return Saturation.of(stages.model(), stages.quantized(), stages.plan(), stages.table(), target);
    }

    @Test
    void everyLayerThatKernelsMultiplyInPairsIsProvenAndWhatItCostIsSaid() throws IOException {
        var saturation = of(stages(Target.CPU), Target.CPU);

        // Then: the depthwise convolution has a kernel that multiplies in 32 bits
        assertEquals(2, saturation.products());
        assertEquals(List.of(), saturation.saturating());
        assertEquals(2, saturation.narrowed().size());
        saturation.narrowed().forEach(layer -> assertTrue(layer.error() > layer.free(), layer.toString()));
    }

    @Test
    void forProcessorsWithVnniCodesReachAsFarAsTheyMay() throws IOException {
        var saturation = of(stages(Target.CPU_VNNI), Target.CPU_VNNI);

        assertEquals(2, saturation.saturating().size());
        assertEquals(List.of(), saturation.narrowed());
    }

    @Test
    void aFileThatMaySaturateIsNotCalledSafe() throws IOException {
        var stages = stages(Target.CPU_VNNI);

        assertTrue(assertThrows(IllegalStateException.class, () -> of(stages, Target.CPU))
                .getMessage()
                .contains("saturate"));
    }

    /** On a processor that saturates, this fails without the limit, as the second half shows. */
    @Test
    void whatUsersRunIsWhatThePlanSays() throws IOException {
        assertTrue(difference(stages(Target.CPU)) < 0.01, "a file for every processor");

        assertEquals(Processor.saturates(), difference(stages(Target.CPU_VNNI)) > 0.05, "a file for VNNI");
    }

    /** Largest difference between the file as users run it and exact arithmetic, relative to the largest output. */
    private double difference(Stages stages) throws IOException {
        var file = folder.resolve("model.onnx");
        ModelFile.write(stages.quantized(), file);
        var images = new float[4 * SIZE * SIZE];
        Arrays.fill(images, 1);
        var fed = Map.of("image", Tensor.of(images, 1, 4, SIZE, SIZE));
        try (var exact = Session.open(stages.quantized(), Provider.cpu(), Session.Optimization.EXACT);
                var deployed = Session.open(file, Provider.cpu(), Session.Optimization.ALL)) {
            var one = exact.run(fed).get("y").toFloats();
            var other = deployed.run(fed).get("y").toFloats();
            double largest = 0;
            double difference = 0;
            for (int i = 0; i < one.length; i++) {
                largest = Math.max(largest, Math.abs(one[i]));
                difference = Math.max(difference, Math.abs(one[i] - other[i]));
            }
            return difference / largest;
        }
    }

    @Test
    void theLimitFollowsFromTheWidestActivationCode() {
        assertEquals(128, Target.CPU.pairLimit(8));
        assertEquals(0, Target.CPU.pairLimit(7));
        assertEquals(0, Target.CPU.pairLimit(4));
        assertEquals(0, Target.CPU.pairLimit(32));
        assertEquals(0, Target.CPU_VNNI.pairLimit(8));
    }

    @Test
    void theTableKeepsTheLimit() throws IOException {
        var table = stages(Target.CPU).table();
        table.write(folder.resolve("table.json"));

        assertEquals(
                table.weights(),
                CalibrationTable.read(folder.resolve("table.json")).weights());
        assertTrue(table.weights().stream()
                .flatMap(constant -> constant.candidates().stream())
                .map(CalibrationTable.WeightCandidate::quantizer)
                .anyMatch(grid -> grid.pairLimit() == 128));
        assertTrue(table.weights().stream()
                .filter(constant -> constant.tensor().equals("deep.w"))
                .flatMap(constant -> constant.candidates().stream())
                .map(CalibrationTable.WeightCandidate::quantizer)
                .map(Uniform::pairLimit)
                .allMatch(limit -> limit == 0));
    }
}
