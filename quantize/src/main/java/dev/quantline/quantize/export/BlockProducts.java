package dev.quantline.quantize.export;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.rewrite.Pass;
import dev.quantline.onnx.rewrite.Rewritten;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Rewrites products with 4-bit weights in blocks as onnxruntime's own operator {@code MatMulNBits} (com.microsoft), which
 * computes them from packed weights at every optimization level. Where the weights have another form, DequantizeLinear and
 * MatMul stay.
 *
 * <p>The operator takes weights {@code [N, K / block, block / 2]}, two unsigned codes per byte with the first in the low nibble
 * and 8 for zero, and scales {@code [N, K / block]}; with {@code accuracy_level} 4 it sums products of 8-bit integers.
 */
record BlockProducts() implements Pass {
    private static final String DOMAIN = "com.microsoft";
    private static final long INTEGER_SUMS = 4;
    private static final int ZERO = 8;

    @Override
    public String name() {
        return "products in blocks as MatMulNBits";
    }

    /** A copy of the graph with the operator wherever it applies; the graph itself if it applies nowhere. */
    @Override
    public Rewritten apply(Graph model) {
        var graph = model.copy();
        var index = model.index();
        var applied = new ArrayList<String>();
        graph.rewrite(node -> {
            var restore =
                    node.is("MatMul") ? index.producer(node.input(1), "DequantizeLinear") : Optional.<Node>empty();
            var product = restore.flatMap(from -> product(graph, node, from));
            product.ifPresent(made -> applied.add(made.name()));
            return List.of(product.orElse(node));
        });
        graph.prune();
        return graph.nodes().size() < model.nodes().size()
                ? new Rewritten(graph.withOpset(DOMAIN, 1), this, applied, List.of())
                : new Rewritten(model, this, List.of(), List.of());
    }

    private static Optional<Node> product(Graph graph, Node node, Node restore) {
        var codes = graph.initializers().get(restore.input(0));
        var scales = graph.initializers().get(restore.input(1));
        int block = (int) restore.intOf("block_size", 0);
        boolean symmetric =
                !restore.hasInput(2) || areWithin(graph.initializers().get(restore.input(2)), 0, 0);
        if (codes == null
                || scales == null
                || codes.type() != DataType.INT8 && codes.type() != DataType.INT4
                || codes.rank() != 2
                || block == 0
                || restore.intOf("axis", 1) != 0
                || codes.dim(0) % block != 0
                || !symmetric
                || !areWithin(codes, -ZERO, ZERO - 1)) {
            return Optional.empty();
        }
        String weights = graph.addConstant(restore.input(0) + "/blocks", blocks(codes, block));
        String scale = graph.addConstant(restore.input(1) + "/blocks", transposed(scales));
        return Optional.of(new Node(
                        node.name(),
                        "MatMulNBits",
                        DOMAIN,
                        List.of(node.input(0), weights, scale),
                        node.outputs(),
                        Map.of())
                .with("K", (long) codes.dim(0))
                .with("N", (long) codes.dim(1))
                .with("bits", 4L)
                .with("block_size", (long) block)
                .with("accuracy_level", INTEGER_SUMS));
    }

    private static boolean areWithin(Tensor codes, int lowest, int highest) {
        return codes != null
                && IntStream.range(0, codes.size()).allMatch(i -> codes.get(i) >= lowest && codes.get(i) <= highest);
    }

    /** Turns {@code [K, N]} codes into {@code [N, K / block, block / 2]} bytes. */
    private static Tensor blocks(Tensor codes, int block) {
        int k = codes.dim(0);
        int n = codes.dim(1);
        var bytes = ByteBuffer.allocateDirect(k * n / 2);
        for (int column = 0; column < n; column++) {
            for (int row = 0; row < k; row += 2) {
                int low = (int) codes.get(row * n + column) + ZERO;
                int high = (int) codes.get((row + 1) * n + column) + ZERO;
                bytes.put((byte) (low | high << 4));
            }
        }
        return new Tensor(DataType.UINT8, new long[] {n, k / block, block / 2}, bytes.flip());
    }

    private static Tensor transposed(Tensor scales) {
        int blocks = scales.dim(0);
        int n = scales.dim(1);
        var values = new float[blocks * n];
        for (int i = 0; i < values.length; i++) {
            values[i] = scales.floats().get(i % blocks * n + i / blocks);
        }
        return Tensor.of(values, n, blocks);
    }
}
