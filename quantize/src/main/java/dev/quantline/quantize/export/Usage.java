package dev.quantline.quantize.export;

import ai.onnx.proto.OnnxMl.TensorShapeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import com.fasterxml.jackson.annotation.JsonInclude;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Samples;
import java.util.ArrayList;
import java.util.List;

/**
 * What the user of a file needs to know to run it.
 *
 * @param outputs names, in the model's order
 * @param opset   of the standard operators
 * @param domains other domains whose operators it contains
 * @param oldest  oldest version of onnxruntime and onnxruntime-web that loads it; null if every version that supports its opset does
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Usage(List<Input> inputs, List<String> outputs, long opset, List<String> domains, String oldest) {
    public Usage {
        inputs = inputs == null ? List.of() : inputs;
        outputs = outputs == null ? List.of() : outputs;
        domains = domains == null ? List.of() : domains;
    }

    /**
     * An input of the file.
     *
     * @param type      its element type, by its ONNX name
     * @param shape     sizes of the axes; a name, or {@code ?}, if a size is open
     * @param batchAxis the axis of its samples; null if it is the same for all samples
     * @param normalize the normalization applied to the data first; null if there was none
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Input(String name, String type, List<String> shape, Integer batchAxis, Scaling normalize) {}

    /** {@code (value / 255 - mean[c]) / std[c]} for channel c of uint8 images. */
    public record Scaling(List<Float> mean, List<Float> std) {}

    /** For a file with this graph, with inputs as in the evaluation. */
    static Usage of(Graph written, Samples samples) {
        return new Usage(
                written.inputs().stream().map(input -> input(input, samples)).toList(),
                written.outputs().stream().map(ValueInfoProto::getName).toList(),
                written.opset(),
                written.nodes().stream()
                        .map(Node::domain)
                        .filter(domain -> !domain.isEmpty() && !domain.equals("ai.onnx"))
                        .distinct()
                        .sorted()
                        .toList(),
                Runtimes.oldest(written).orElse(null));
    }

    private static Input input(ValueInfoProto input, Samples samples) {
        var axis = samples.axis(input.getName());
        return new Input(
                input.getName(),
                ValueInfos.type(input).map(DataType::name).orElse("?"),
                input.getType().getTensorType().getShape().getDimList().stream()
                        .map(Usage::size)
                        .toList(),
                axis.isNone() ? null : axis.axis(),
                samples.normalization(input.getName())
                        .map(by -> new Scaling(list(by.mean()), list(by.std())))
                        .orElse(null));
    }

    private static List<Float> list(float[] values) {
        var list = new ArrayList<Float>();
        for (float value : values) {
            list.add(value);
        }
        return list;
    }

    private static String size(TensorShapeProto.Dimension dim) {
        return dim.hasDimValue()
                ? Long.toString(dim.getDimValue())
                : dim.getDimParam().isEmpty() ? "?" : dim.getDimParam();
    }
}
