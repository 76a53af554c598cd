package dev.quantline.export;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import java.util.List;
import java.util.Optional;

/** Which versions of ONNX Runtime load a file with 4-bit codes, found by trying them: {@code docs/runtimes.md}. */
final class Runtimes {
    private Runtimes() {
    }

    /** What a user should know about a file; empty where every version that knows its opset loads it. */
    static Optional<String> note(Graph written) {
        boolean cast = written.nodes().stream().anyMatch(node -> node.is("Cast") && isPacked(written, node.input(0)));
        boolean packed = written.initializers().keySet().stream().anyMatch(name -> isPacked(written, name));
        boolean products = written.nodes().stream().anyMatch(node -> node.op().equals("MatMulNBits"));
        if (!packed && !products) {
            return Optional.empty();
        }
        String form = !packed ? "products are MatMulNBits, which only ONNX Runtime has"
            : "4-bit codes are packed two a byte (INT4, UINT4)" + (products ? ", some products are MatMulNBits" : "");
        String oldest = cast ? "1.23" : packed ? "1.19" : "1.18";
        return Optional.of(form + ": onnxruntime and onnxruntime-web load the file from " + oldest + " on");
    }

    private static boolean isPacked(Graph graph, String constant) {
        var tensor = graph.initializers().get(constant);
        return tensor != null && List.of(DataType.INT4, DataType.UINT4).contains(tensor.type());
    }
}
