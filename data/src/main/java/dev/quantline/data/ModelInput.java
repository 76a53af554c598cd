package dev.quantline.data;

import ai.onnx.proto.OnnxMl.TensorShapeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ValueInfos;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * What a model says of one of its inputs.
 *
 * @param axes sizes of the axes, -1 where open; empty when not even their number is known
 * @param names the axes as people read them: a size, a name, or ?
 */
public record ModelInput(String name, DataType type, Optional<long[]> axes, List<String> names) {
    private static final Pattern BATCH = Pattern.compile("(?i)(?:.*batch.*|n|b|bs)");

    /**
     * The inputs that a model asks for, without those that have a value in the file.
     *
     * @throws BadInput when one is no tensor of numbers
     */
    public static List<ModelInput> of(Graph model) {
        return model.inputs().stream()
                .filter(info -> !model.initializers().containsKey(info.getName()))
                .map(ModelInput::of)
                .toList();
    }

    private static ModelInput of(ValueInfoProto info) {
        var type = ValueInfos.type(info)
                .orElseThrow(() -> new BadInput("the model's input '" + info.getName() + "' is not a number tensor"));
        var dims = info.getType().getTensorType().getShape().getDimList();
        return new ModelInput(
                info.getName(),
                type,
                ValueInfos.shape(info),
                dims.stream().map(ModelInput::named).toList());
    }

    private static String named(TensorShapeProto.Dimension dim) {
        return dim.hasDimValue()
                ? String.valueOf(dim.getDimValue())
                : dim.getDimParam().isEmpty() ? "?" : dim.getDimParam();
    }

    /** The axis that counts samples, by its name; the first where no name says so. */
    public int batchAxis() {
        for (int i = 0; i < names.size(); i++) {
            if (BATCH.matcher(names.get(i)).matches()) {
                return i;
            }
        }
        return 0;
    }

    /** Size of an axis; -1 where open or unknown. */
    public long size(int axis) {
        return axes.filter(sizes -> axis < sizes.length)
                .map(sizes -> sizes[axis])
                .orElse(-1L);
    }

    /** Whether it has so many axes, or may have. */
    public boolean mayHaveRank(int rank) {
        return axes.isEmpty() || axes.get().length == rank;
    }

    /** Type and axes, as {@code FLOAT [batch, 3, 32, 32]}. */
    public String described() {
        return type + (axes.isEmpty() ? " of any shape" : " [" + String.join(", ", names) + "]");
    }
}
