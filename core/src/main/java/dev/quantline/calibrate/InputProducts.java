package dev.quantline.calibrate;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.runtime.Progress;
import dev.quantline.runtime.Provider;
import dev.quantline.runtime.Samples;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * X^T X of what linear layers read, X with one row a token or pixel: an error D of the weights changes the outputs by X D, whose
 * square is the trace of D^T (X^T X) D. Only these matrices stay in memory, whatever the number of samples.
 */
final class InputProducts {
    private static final int SAMPLES = 128;
    /** Above this many channels the matrix (67 MB) costs more than it gives. */
    private static final int WIDEST = 4096;
    private static final int ROWS = 512;

    private final Map<String, Sum> sums = new HashMap<>();

    private InputProducts() {
    }

    static InputProducts none() {
        return new InputProducts();
    }

    /** Runs up to {@value #SAMPLES} samples through the model and keeps the products of every linear layer's input. */
    static InputProducts of(Graph model, Samples samples, int batch, Provider provider, Progress progress) {
        var inputs = new LinkedHashSet<String>();
        for (var node : model.nodes()) {
            if (isLinear(model, node) && channels(model, node) <= WIDEST) {
                inputs.add(node.input(0));
            }
        }
        var products = new InputProducts();
        progress.report(0, "running " + Math.min(SAMPLES, samples.size()) + " samples to weigh errors of weights");
        Captured.forEach(model, inputs, samples, SAMPLES, batch, provider, values -> {
            for (String input : inputs) {
                var tensor = values.get(input);
                products.sums.computeIfAbsent(input, name -> new Sum(tensor.dim(tensor.rank() - 1))).add(tensor);
            }
        });
        products.sums.values().forEach(Sum::flush);
        return products;
    }

    /** FLOAT {@code [channels, channels]}; empty where the node is no linear layer that was seen. */
    Optional<INDArray> of(Graph model, Node node) {
        return Optional.ofNullable(isLinear(model, node) ? sums.get(node.input(0)) : null).map(sum -> sum.product);
    }

    static boolean isLinear(Graph model, Node node) {
        return node.is("MatMul", "Gemm") && model.initializers().containsKey(node.input(1))
            && model.initializers().get(node.input(1)).rank() == 2 && node.intOf("transA", 0) == 0;
    }

    private static int channels(Graph model, Node node) {
        return model.initializers().get(node.input(1)).dim(node.intOf("transB", 0) == 1 ? 1 : 0);
    }

    /** Rows are gathered first: a product of many is one pass over the matrix. */
    private static final class Sum {
        private final int channels;
        private final float[] rows;
        private final INDArray product;
        private int filled;

        Sum(int channels) {
            this.channels = channels;
            rows = new float[ROWS * channels];
            product = Nd4j.zeros(channels, channels);
        }

        void add(Tensor tensor) {
            var values = tensor.floats();
            while (values.hasRemaining()) {
                int taken = Math.min(rows.length - filled, values.remaining());
                values.get(rows, filled, taken);
                filled += taken;
                if (filled == rows.length) {
                    flush();
                }
            }
        }

        void flush() {
            if (filled > 0) {
                var x = Nd4j.createFromArray(Arrays.copyOf(rows, filled)).reshape('c', filled / channels, channels);
                product.addi(x.transpose().mmul(x));
                filled = 0;
            }
        }
    }
}
