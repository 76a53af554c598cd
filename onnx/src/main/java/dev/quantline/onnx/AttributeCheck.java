package dev.quantline.onnx;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.LongSupplier;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/** Checks the ranges of attributes. Native shape inference divides by some of them, and loops over others. */
final class AttributeCheck {
    /** Tensors with more axes have never been seen, and no kernel supports them. */
    private static final int MOST_AXES = 64;
    /** Operator sets that agree on the meaning of attribute names. */
    private static final Set<String> DOMAINS = Set.of("", "ai.onnx", "com.microsoft");

    private record Range(long least, LongSupplier most) {
        boolean has(long value) {
            return value >= least && value <= most.getAsLong();
        }

        @Override
        public String toString() {
            return least + " to " + most.getAsLong();
        }
    }

    private static final Range COUNT = new Range(1, Limit.ATTRIBUTE::value);
    private static final Range PADDING = new Range(0, Limit.ATTRIBUTE::value);
    private static final Range AXIS = new Range(-MOST_AXES, () -> MOST_AXES - 1);
    private static final Range ELEMENTS = new Range(0, Limit.ELEMENTS::value);
    private static final Map<String, Range> RANGES = Map.ofEntries(
            Map.entry("strides", COUNT),
            Map.entry("dilations", COUNT),
            Map.entry("kernel_shape", COUNT),
            Map.entry("group", COUNT),
            Map.entry("blocksize", COUNT),
            Map.entry("num_heads", COUNT),
            Map.entry("kv_num_heads", PADDING),
            Map.entry("q_num_heads", PADDING),
            Map.entry("hidden_size", COUNT),
            Map.entry("num_outputs", COUNT),
            Map.entry("num_groups", COUNT),
            Map.entry("block_size", PADDING),
            Map.entry("output_height", COUNT),
            Map.entry("output_width", COUNT),
            Map.entry("sampling_ratio", PADDING),
            Map.entry("pads", PADDING),
            Map.entry("output_padding", PADDING),
            Map.entry("output_shape", PADDING),
            Map.entry("split", PADDING),
            Map.entry("batch_dims", PADDING),
            Map.entry("axis", AXIS),
            Map.entry("axes", AXIS),
            Map.entry("batch_axis", AXIS),
            Map.entry("time_axis", AXIS),
            Map.entry("scan_input_axes", AXIS),
            Map.entry("scan_output_axes", AXIS),
            Map.entry("shape", ELEMENTS));
    /** Operators in which an attribute of that name means something else: possibly negative sizes, or 0 for a size given by the shape. */
    private static final Map<String, Set<String>> OTHERWISE = Map.of(
            "num_heads",
            Set.of("RotaryEmbedding"),
            "pads",
            Set.of("Pad"),
            "shape",
            Set.of("Reshape"),
            "output_shape",
            Set.of("MaxUnpool"));

    private AttributeCheck() {}

    /**
     * Checks every attribute of a node against its range.
     *
     * @throws BadInput naming the node, the attribute and its range
     */
    static void check(NodeProto node) {
        var seen = new HashSet<String>();
        for (var attribute : node.getAttributeList()) {
            if (!seen.add(attribute.getName())) {
                throw refused(node, attribute.getName(), "occurs twice");
            }
            if (DOMAINS.contains(node.getDomain())) {
                check(node, attribute);
            }
        }
    }

    private static void check(NodeProto node, AttributeProto attribute) {
        String name = attribute.getName();
        var range = RANGES.get(name);
        if (range != null && !OTHERWISE.getOrDefault(name, Set.of()).contains(node.getOpType())) {
            values(attribute).filter(value -> !range.has(value)).findFirst().ifPresent(value -> {
                throw refused(node, name, "is " + value + ", but must be " + range);
            });
        }
        if (name.equals("perm") && !isPermutation(attribute.getIntsList())) {
            throw refused(node, name, "is " + attribute.getIntsList() + ", which is not a permutation of the axes");
        }
        if (Stream.concat(Stream.of(attribute.getF()), attribute.getFloatsList().stream())
                .anyMatch(f -> f.isNaN())) {
            throw refused(node, name, "is NaN");
        }
    }

    private static LongStream values(AttributeProto attribute) {
        return attribute.getType() == AttributeProto.AttributeType.INT
                ? LongStream.of(attribute.getI())
                : attribute.getIntsList().stream().mapToLong(Long::longValue);
    }

    private static boolean isPermutation(List<Long> axes) {
        return axes.stream()
                .sorted()
                .toList()
                .equals(LongStream.range(0, axes.size()).boxed().toList());
    }

    private static BadInput refused(NodeProto node, String attribute, String reason) {
        return new BadInput(
                ModelCheck.name(node) + ": attribute " + attribute + " " + reason + ": export the model again");
    }
}
