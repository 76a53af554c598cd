package dev.quantline.gradient;

import ai.onnx.proto.OnnxMl.ModelProto;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.rewrite.Canonical;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;

/** Networks for tests: those in the shared folder, and the embedding models in Maven artifacts. */
final class TestModels {
    private TestModels() {}

    static Path shared() {
        return Path.of(Optional.ofNullable(System.getenv("QUANTLINE_SHARED")).orElse("../../shared"));
    }

    /** A model and its name. */
    record Network(String name, Path file) {
        /** The model in canonical form; a path that is not a file is a resource on the class path. */
        Graph read() throws IOException {
            if (file != null) {
                return Canonical.of(ModelFile.read(file));
            }
            try (var in = TestModels.class.getResourceAsStream("/" + name)) {
                return Canonical.of(Graph.of(ModelProto.parseFrom(in)));
            }
        }

        boolean exists() {
            return file == null || Files.exists(file);
        }

        @Override
        public String toString() {
            return name;
        }
    }

    static Network miniLm() {
        return new Network("all-minilm-l6-v2.onnx", null);
    }

    /** A network of the shared folder, which may be missing. */
    static Network shared(String name) {
        return new Network(name, shared().resolve("models").resolve(name));
    }

    /** All networks: two on the class path, and those in the shared folder, if it exists. */
    static List<Network> all() throws IOException {
        var networks = new ArrayList<>(List.of(miniLm(), new Network("bge-small-en-v1.5.onnx", null)));
        if (!Files.isDirectory(shared().resolve("models"))) {
            networks.add(shared("everything in it"));
        } else {
            try (Stream<Path> files = Files.walk(shared().resolve("models"))) {
                files.filter(file -> file.toString().endsWith(".onnx"))
                        .sorted()
                        .forEach(file ->
                                networks.add(new Network(file.getFileName().toString(), file)));
            }
        }
        return networks;
    }

    /** Random inputs: small open sizes, tokens below 100, masks of ones. */
    static Map<String, Tensor> inputs(Graph model, Random random) {
        var inputs = new LinkedHashMap<String, Tensor>();
        // The decoder's cross attention takes only one sample.
        int batch = model.inputs().stream().anyMatch(input -> input.getName().startsWith("encoder_")) ? 1 : 2;
        for (var info : model.inputs()) {
            var shape = ValueInfos.shape(info).orElseThrow();
            for (int axis = 0; axis < shape.length; axis++) {
                shape[axis] = shape[axis] > 0 ? shape[axis] : axis == 0 ? batch : 12;
            }
            var type = ValueInfos.type(info).orElseThrow();
            var tensor = Tensor.zeros(type, shape);
            double phase = random.nextDouble();
            for (int i = 0; i < tensor.size(); i++) {
                switch (type) {
                    case FLOAT ->
                        tensor.floats().put(i, (float)
                                (shape.length == 4 ? brightness(i, shape, phase) : random.nextGaussian()));
                    case INT64 ->
                        tensor.data()
                                .putLong(
                                        i * 8,
                                        info.getName().contains("mask")
                                                ? 1
                                                : info.getName().contains("type") ? 0 : 1 + random.nextInt(8));
                    default -> throw new IllegalStateException(info.getName() + " " + type);
                }
            }
            inputs.put(info.getName(), tensor);
        }
        return inputs;
    }

    /**
     * Brightness between 0 and 1 in waves across an image, with a different wavelength per channel. Super-resolution networks answer
     * noise with outputs of eight times the possible brightness, where they bend so much that no float32 step suits a difference.
     */
    private static double brightness(int element, long[] shape, double phase) {
        long width = shape[3];
        long plane = element / (shape[2] * width);
        double x = (double) (element % width) / width;
        double y = (double) (element / width % shape[2]) / shape[2];
        return (2 + Math.sin(2 * Math.PI * (phase + (1 + plane % 3) * x)) + Math.sin(2 * Math.PI * (phase * plane + y)))
                / 4;
    }

    static Map<String, long[]> shapes(Map<String, Tensor> inputs) {
        var shapes = new LinkedHashMap<String, long[]>();
        inputs.forEach((name, tensor) -> shapes.put(name, tensor.shape()));
        return shapes;
    }

    /** Weights in the usual sense: operands of products, convolutions, embeddings, normalisations, and their biases. */
    static List<String> weights(Graph model) {
        var weights = new LinkedHashSet<String>();
        for (var node : model.nodes()) {
            var operands = switch (node.op()) {
                case "Conv", "ConvTranspose", "MatMul", "Gemm", "Add", "Mul", "LayerNormalization" -> node.inputs();
                case "BatchNormalization" -> node.inputs().subList(1, 3);
                case "Gather" -> node.inputs().subList(0, 1);
                default -> List.<String>of();
            };
            operands.stream()
                    .filter(operand -> isWeight(model.initializers().get(operand)))
                    .forEach(weights::add);
        }
        return List.copyOf(weights);
    }

    /** Masks and tables of angles are constants, not weights. */
    private static boolean isWeight(Tensor tensor) {
        if (tensor == null || tensor.type() != DataType.FLOAT || tensor.size() < 2) {
            return false;
        }
        double largest = 0;
        for (int i = 0; i < tensor.size(); i++) {
            largest = Math.max(largest, Math.abs(tensor.get(i)));
        }
        return largest < 1000;
    }
}
