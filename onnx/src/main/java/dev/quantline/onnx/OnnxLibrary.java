package dev.quantline.onnx;

import ai.onnx.proto.OnnxMl;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import com.google.protobuf.InvalidProtocolBufferException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.onnx.ModelProto;
import org.bytedeco.onnx.OpSchemaRegistry;
import org.bytedeco.onnx.ShapeInferenceOptions;

import static org.bytedeco.onnx.global.onnx.ConvertVersion;
import static org.bytedeco.onnx.global.onnx.InferShapes;
import static org.bytedeco.onnx.global.onnx.check_model;

/**
 * The official ONNX library: checker, opset conversion and shape inference.
 *
 * <p>None of them reads weights, so large constants are presented as inputs: a 90 MB model is converted in milliseconds
 * instead of seconds, and models above protobuf's limit of 2 GB pass. Of models newer than the library, it is shown the
 * {@link KnownPart}.
 */
public final class OnnxLibrary {
    /** Larger constants are never shapes, axes or other values that the library needs. */
    private static final int LARGE = 4096;

    private OnnxLibrary() {}

    /**
     * Runs the official checker.
     *
     * @throws BadInput with the checker's words if the model violates the specification
     */
    public static void check(Graph graph) {
        call("the ONNX checker rejects the model", light(graph), model -> {
            check_model(model);
            return null;
        });
    }

    /**
     * The same model in another version of the standard operators. Only the nodes come from the library, which drops much of the
     * rest: functions, documentation and other contents of the file.
     *
     * @throws BadInput if an operator has no conversion
     */
    public static Graph convert(Graph graph, int opset) {
        var nodes = Graph.of(call(
                "the model cannot be converted from opset " + graph.opset() + " to " + opset, light(graph), model -> {
                    try (var result = ConvertVersion(model, opset)) {
                        return parse(result);
                    }
                }));
        var converted = graph.withOpset("", opset);
        converted.nodes().clear();
        converted.nodes().addAll(nodes.nodes());
        nodes.initializers().forEach(converted.initializers()::putIfAbsent);
        converted.sort();
        return converted;
    }

    /** Types and shapes of the tensors, as far as shape inference can determine them, by tensor name. */
    public static Map<String, ValueInfoProto> inferShapes(Graph graph) {
        var inferred = call("shape inference fails", light(graph), model -> {
            // Data propagation follows sizes through Shape, Gather and Concat to the Reshape that uses them.
            try (var options = new ShapeInferenceOptions(false, 0, true)) {
                InferShapes(model, OpSchemaRegistry.Instance(), options, null);
            }
            return parse(model);
        });
        var infos = new LinkedHashMap<String, ValueInfoProto>();
        inferred.getGraph().getInputList().forEach(info -> infos.put(info.getName(), info));
        inferred.getGraph().getValueInfoList().forEach(info -> infos.put(info.getName(), info));
        inferred.getGraph().getOutputList().forEach(info -> infos.put(info.getName(), info));
        return infos;
    }

    private static OnnxMl.ModelProto light(Graph graph) {
        var light = graph.copy();
        graph.initializers().forEach((name, tensor) -> {
            if (tensor.data().capacity() > LARGE) {
                light.initializers().remove(name);
                light.inputs().removeIf(input -> input.getName().equals(name));
                light.inputs().add(ValueInfos.of(name, tensor.type(), tensor.shape()));
            }
        });
        return KnownPart.of(light.toProto());
    }

    private static <T> T call(String failure, OnnxMl.ModelProto proto, Function<ModelProto, T> action) {
        var bytes = proto.toByteArray();
        try (var model = new ModelProto();
                var pointer = new BytePointer(bytes)) {
            if (!model.ParseFromArray(pointer, bytes.length)) {
                throw new BadInput(failure + ": the model cannot be parsed");
            }
            return action.apply(model);
        } catch (RuntimeException e) {
            throw e instanceof BadInput ? e : new BadInput(failure + ": " + firstLine(e.getMessage()), e);
        }
    }

    private static OnnxMl.ModelProto parse(ModelProto model) {
        try (var bytes = model.SerializeAsString()) {
            return OnnxMl.ModelProto.parseFrom(bytes.getStringBytes());
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalStateException("the ONNX library wrote a model that cannot be parsed", e);
        }
    }

    private static String firstLine(String message) {
        return message == null
                ? "no reason given"
                : message.strip().lines().findFirst().orElse("");
    }
}
