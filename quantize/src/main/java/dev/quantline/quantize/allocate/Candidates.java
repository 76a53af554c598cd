package dev.quantline.quantize.allocate;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.quantize.plan.CalibrationTable;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.plan.StoredJson;
import dev.quantline.quantize.quantizer.Quantizer;
import dev.quantline.quantize.settings.Width;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * A plan for every width that a layer may get, each using that width throughout, all over the same float model. Plans in
 * which layers differ in width are assembled from them.
 *
 * @param base   the width of everything that belongs to no layer with a choice
 * @param widths widths to choose from
 * @param plans  by width, that of {@code base} included; all name the same weights
 * @param grids  the tensor whose grid an activation shares, by tensor; an activation with its own grid maps to itself or is
 *               missing
 */
public record Candidates(
        Width base, List<Width> widths, Map<Width, QuantizationPlan> plans, Map<String, String> grids) {
    /** Below this width, the rows of an embedding table differ too much for one scale per column. */
    private static final int FEWEST_TABLE_BITS = 8;

    private static final ObjectMapper JSON = new ObjectMapper();

    public Candidates {
        widths = widths.stream().distinct().sorted().toList();
        plans = new TreeMap<>(plans);
        grids = new TreeMap<>(grids);
        if (!plans.containsKey(base) || !plans.keySet().containsAll(widths)) {
            throw new IllegalArgumentException(
                    "there are plans for " + plans.keySet() + ", not for all of " + widths + " and " + base);
        }
    }

    /**
     * The plans of several widths, from a calibration table. Embedding tables, which calibration keeps at 8 bits or more, get a
     * scale per row below that.
     *
     * @param model  float model that the plan belongs to
     * @param plan   plan of the base width, possibly changed by tuning
     * @param widths widths to choose from, each of them a candidate width of the table
     */
    public static Candidates of(
            Graph model, QuantizationPlan plan, Width base, CalibrationTable table, Collection<Width> widths) {
        var plans = new TreeMap<Width, QuantizationPlan>();
        var tables = model.nodes().stream()
                .filter(node -> node.is("Gather"))
                .map(Node::name)
                .collect(Collectors.toSet());
        for (var width : widths) {
            var activations = width.activations() == base.activations()
                    ? plan.activations()
                    : activations(plan, table, width.activations());
            var weights = plan.weights().stream()
                    .map(weight -> tables.contains(weight.node()) && width.weights() < FEWEST_TABLE_BITS
                            ? weight.with(RowScales.of(model.initializers().get(weight.tensor()), width.weights()))
                            : width.weights() == base.weights() ? weight : weight(weight, table, width.weights()))
                    .toList();
            plans.put(width, new QuantizationPlan(activations, weights));
        }
        plans.putIfAbsent(base, plan);
        return new Candidates(
                base,
                List.copyOf(widths),
                plans,
                table.activations().stream()
                        .collect(Collectors.toMap(
                                CalibrationTable.Activation::tensor,
                                CalibrationTable.Activation::gridOf,
                                (one, other) -> one)));
    }

    private static List<QuantizationPlan.Activation> activations(
            QuantizationPlan plan, CalibrationTable table, int bits) {
        return plan.activations().stream()
                .flatMap(activation -> table.activation(activation.tensor(), bits).stream()
                        .map(grid -> new QuantizationPlan.Activation(
                                activation.tensor(), activation.readers(), grid.quantizer(), grid.range())))
                .toList();
    }

    private static QuantizationPlan.Weight weight(QuantizationPlan.Weight weight, CalibrationTable table, int bits) {
        return table.weights().stream()
                .filter(constant -> constant.node().equals(weight.node()) && constant.input() == weight.input())
                .flatMap(constant -> constant.candidates().stream()
                        .filter(scales -> scales.bits()
                                == Math.max(
                                        bits, constant.candidates().getFirst().bits())))
                .findFirst()
                .map(scales -> weight.with(scales.quantizer()))
                .orElseThrow(() -> new IllegalArgumentException(
                        bits + " bits are not a candidate width of calibration for '" + weight.node() + "'"));
    }

    /** The layers with a choice of width, in the order of the plan: nodes with weights. */
    public List<String> layers() {
        return basePlan().weights().stream()
                .map(QuantizationPlan.Weight::node)
                .distinct()
                .toList();
    }

    QuantizationPlan basePlan() {
        return plans.get(base);
    }

    /** The quantized activation among {@code inputs} whose width all its readers share; "" if there is none. */
    String gridOf(List<String> inputs) {
        return basePlan().activations().stream()
                .filter(activation -> activation.readers().isEmpty() && inputs.contains(activation.tensor()))
                .map(activation -> grids.getOrDefault(activation.tensor(), activation.tensor()))
                .findFirst()
                .orElse("");
    }

    /** The plan of one layer by itself at a width: its weights and the activations that it reads. */
    QuantizationPlan alone(String node, List<String> inputs, Width width) {
        var plan = plans.get(width);
        var activations = plan.activations().stream()
                .filter(activation -> inputs.contains(activation.tensor())
                        && (activation.readers().isEmpty()
                                || activation.readers().contains(node)))
                .map(activation -> new QuantizationPlan.Activation(
                        activation.tensor(), Set.of(node), activation.quantizer(), activation.range()))
                .toList();
        return new QuantizationPlan(
                activations,
                plan.weights().stream()
                        .filter(weight -> weight.node().equals(node))
                        .toList());
    }

    /**
     * The plan in which every layer has its chosen width. An activation whose readers choose their own widths is quantized
     * once per width; one that all readers share gets the largest width that any of them chose.
     *
     * @param chosen by layer; other layers keep the base width
     * @param inputs names of a layer's input tensors, by layer
     */
    public QuantizationPlan splice(Map<String, Width> chosen, Map<String, List<String>> inputs) {
        var weights = basePlan().weights().stream()
                .map(weight -> plans.get(chosen.getOrDefault(weight.node(), base)).weights().stream()
                        .filter(other -> other.node().equals(weight.node()) && other.input() == weight.input())
                        .findFirst()
                        .orElseThrow())
                .toList();
        var activations = new ArrayList<QuantizationPlan.Activation>();
        for (var activation : basePlan().activations()) {
            if (activation.readers().isEmpty()) {
                at(activation, shared(activation.tensor(), chosen, inputs)).ifPresent(activations::add);
            } else {
                activations.addAll(own(activation, chosen));
            }
        }
        return new QuantizationPlan(activations, weights);
    }

    private Width shared(String tensor, Map<String, Width> chosen, Map<String, List<String>> inputs) {
        String grid = grids.getOrDefault(tensor, tensor);
        return inputs.keySet().stream()
                .filter(layer -> gridOf(inputs.get(layer)).equals(grid))
                .map(chosen::get)
                .filter(Objects::nonNull)
                .max((one, other) -> Integer.compare(one.activations(), other.activations()))
                .orElse(base);
    }

    private List<QuantizationPlan.Activation> own(QuantizationPlan.Activation activation, Map<String, Width> chosen) {
        var parts = new ArrayList<QuantizationPlan.Activation>();
        var left = new TreeSet<>(activation.readers());
        while (!left.isEmpty()) {
            var first = at(activation, chosen.getOrDefault(left.first(), base));
            var together = new HashSet<String>();
            for (String reader : left) {
                if (quantizer(at(activation, chosen.getOrDefault(reader, base))).equals(quantizer(first))) {
                    together.add(reader);
                }
            }
            left.removeAll(together);
            first.ifPresent(found -> parts.add(new QuantizationPlan.Activation(
                    found.tensor(), new TreeSet<>(together), found.quantizer(), found.range())));
        }
        return parts;
    }

    private static Optional<Quantizer> quantizer(Optional<QuantizationPlan.Activation> activation) {
        return activation.map(QuantizationPlan.Activation::quantizer);
    }

    /** The same activation in the plan of a width; empty if that plan leaves it float. */
    private Optional<QuantizationPlan.Activation> at(QuantizationPlan.Activation activation, Width width) {
        return plans.get(width).activations().stream()
                .filter(other -> other.tensor().equals(activation.tensor())
                        && other.readers().equals(activation.readers()))
                .findFirst();
    }

    public void write(Path file) throws IOException {
        JSON.writeValue(file.toFile(), this);
    }

    /**
     * Reads a file written by {@link #write}.
     *
     * @throws BadInput if the file contains something else
     */
    public static Candidates read(Path file) throws IOException {
        return StoredJson.read(file, Candidates.class, "a table of candidate plans");
    }
}
