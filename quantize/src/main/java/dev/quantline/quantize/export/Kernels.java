package dev.quantline.quantize.export;

import com.fasterxml.jackson.annotation.JsonIgnore;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.plan.RuntimeKernels;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * How the products of a model run once ONNX Runtime has loaded it at its highest optimization level, counted in the graph
 * that it writes then, bodies of If and Loop included.
 *
 * @param integer  products of 8-bit integers
 * @param packed   products of float activations with few-bit weights (MatMulNBits)
 * @param floating products of floats
 */
public record Kernels(int integer, int packed, int floating) {
    /** Loads a file and counts. @throws dev.quantline.onnx.BadInput if ONNX Runtime rejects it */
    static Kernels of(Path file, Provider provider) throws IOException {
        var folder = Files.createTempDirectory("quantline-optimized");
        var optimized = folder.resolve("optimized.onnx");
        try {
            Session.writeOptimized(file, provider, optimized);
            return of(ModelFile.operators(optimized));
        } finally {
            for (String name : new String[] {"optimized.onnx", "optimized.onnx.data"}) {
                Files.deleteIfExists(folder.resolve(name));
            }
            Files.delete(folder);
        }
    }

    private static Kernels of(List<String> operators) {
        return new Kernels(
                count(operators, RuntimeKernels.INTEGER_PRODUCTS),
                count(operators, RuntimeKernels.PACKED_PRODUCTS),
                count(operators, RuntimeKernels.FLOAT_PRODUCTS));
    }

    private static int count(List<String> operators, RuntimeKernels counted) {
        return (int) operators.stream().filter(counted::has).count();
    }

    /** Share of the products that run on integers, 0 to 1; 1 if there are none. */
    @JsonIgnore
    public double integerShare() {
        int all = integer + packed + floating;
        return all == 0 ? 1 : (double) integer / all;
    }
}
