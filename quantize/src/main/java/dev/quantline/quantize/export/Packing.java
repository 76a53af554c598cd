package dev.quantline.quantize.export;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.rewrite.Pass;
import dev.quantline.onnx.rewrite.Rewritten;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Stores byte constants whose codes fit in 4 bits two per byte. Codes in blocks go to their DequantizeLinear packed, which
 * onnxruntime turns into MatMulNBits. Everywhere else a Cast restores the bytes: constant folding runs it when the model is
 * loaded, so the file is half the size while the integer kernels, which take bytes, stay the same.
 *
 * <p>INT4 and UINT4 exist since opset 21; a model in which nothing fits keeps its opset.
 */
record Packing() implements Pass {
    /** Smaller constants would save less than the Cast takes; vectors are zero points. */
    private static final int SMALLEST = 512;

    private static final int OPSET = 21;

    @Override
    public String name() {
        return "codes packed";
    }

    @Override
    public Rewritten apply(Graph model) {
        if (model.initializers().values().stream().noneMatch(Packing::fits)) {
            return new Rewritten(model, this, List.of(), List.of());
        }
        var packed = model.opset() < OPSET ? OnnxLibrary.convert(model, OPSET) : model.copy();
        var bytes = new HashMap<String, Tensor>();
        packed.initializers().forEach((name, tensor) -> {
            if (fits(tensor)) {
                bytes.put(name, tensor);
            }
        });
        var inBlocks = new HashMap<String, String>();
        packed.rewrite(node -> List.of(blocks(packed, node, bytes, inBlocks)));
        bytes.forEach((name, tensor) -> {
            boolean read =
                    packed.nodes().stream().anyMatch(node -> node.inputs().contains(name));
            if (read) {
                String codes = packed.addConstant(name + "/packed", pack(tensor));
                packed.initializers().remove(name);
                packed.nodes().addFirst(Node.of("Cast", List.of(codes), name).with("to", (long)
                        tensor.type().code()));
            }
        });
        packed.prune();
        return new Rewritten(packed, this, List.copyOf(bytes.keySet()), List.of());
    }

    /** DequantizeLinear of blocks reads 4-bit codes and zero points directly. */
    private static Node blocks(Graph graph, Node node, Map<String, Tensor> bytes, Map<String, String> packed) {
        if (!node.is("DequantizeLinear") || node.intOf("block_size", 0) == 0 || !bytes.containsKey(node.input(0))) {
            return node;
        }
        for (int input : List.of(0, 2)) {
            var constant = graph.initializers().get(node.input(input));
            if (constant != null) {
                node = node.withInput(
                        input,
                        packed.computeIfAbsent(
                                node.input(input), name -> graph.addConstant(name + "/packed", pack(constant))));
            }
        }
        return node;
    }

    private static boolean fits(Tensor tensor) {
        boolean signed = tensor.type() == DataType.INT8;
        if (!signed && tensor.type() != DataType.UINT8 || tensor.size() < SMALLEST || tensor.rank() < 2) {
            return false;
        }
        var bytes = tensor.data();
        while (bytes.hasRemaining()) {
            int code = signed ? bytes.get() + 8 : Byte.toUnsignedInt(bytes.get());
            if (code < 0 || code > 15) {
                return false;
            }
        }
        return true;
    }

    /** The first of two codes goes into the low nibble of a byte. */
    private static Tensor pack(Tensor tensor) {
        var codes = tensor.data();
        var type = tensor.type() == DataType.INT8 ? DataType.INT4 : DataType.UINT4;
        var packed = ByteBuffer.allocate(Math.toIntExact(type.bytes(tensor.size())));
        while (codes.hasRemaining()) {
            int low = codes.get() & 0xf;
            int high = codes.hasRemaining() ? codes.get() & 0xf : 0;
            packed.put((byte) (low | high << 4));
        }
        return new Tensor(type, tensor.shape(), packed.flip());
    }
}
