package dev.quantline.quantize.export;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import java.util.List;
import java.util.Optional;

/** Which versions of ONNX Runtime load a file with 4-bit codes, determined by trying them: {@code docs/runtimes.md}. */
final class Runtimes {
    private Runtimes() {}

    /** The oldest version that loads a file; empty if every version that supports its opset does. */
    static Optional<String> oldest(Graph written) {
        boolean cast = written.nodes().stream().anyMatch(node -> node.is("Cast") && isPacked(written, node.input(0)));
        return cast
                ? Optional.of("1.23")
                : hasPacked(written)
                        ? Optional.of("1.19")
                        : hasProducts(written) ? Optional.of("1.18") : Optional.empty();
    }

    /** What a user should know about a file; empty if every version that supports its opset loads it. */
    static Optional<String> note(Graph written) {
        String form = !hasPacked(written)
                ? "products are MatMulNBits, which only ONNX Runtime has"
                : "4-bit codes are packed two per byte (INT4, UINT4)"
                        + (hasProducts(written) ? ", and some products are MatMulNBits" : "");
        return oldest(written)
                .map(version ->
                        form + ": onnxruntime and onnxruntime-web load the file from version " + version + " on");
    }

    private static boolean hasPacked(Graph written) {
        return written.initializers().keySet().stream().anyMatch(name -> isPacked(written, name));
    }

    private static boolean hasProducts(Graph written) {
        return written.nodes().stream().anyMatch(node -> node.op().equals("MatMulNBits"));
    }

    private static boolean isPacked(Graph graph, String constant) {
        var tensor = graph.initializers().get(constant);
        return tensor != null && List.of(DataType.INT4, DataType.UINT4).contains(tensor.type());
    }
}
