package dev.quantline.quantize.evaluate;

import ai.onnx.proto.OnnxMl.ValueInfoProto;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.ElementTypes;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The FLOAT tensors that a model is tuned for and judged by: its FLOAT outputs and, for every other output (classes, masks, maps of
 * probabilities), the last FLOAT tensors before it. A class is either right or wrong; the scores that it was chosen from show by how
 * much.
 */
public final class ComparedOutputs {
    private final List<String> outputs;
    /** The output that each tensor is, or leads to. */
    private final Map<String, String> ends;

    private ComparedOutputs(List<String> outputs, Map<String, String> ends) {
        this.outputs = outputs;
        this.ends = ends;
    }

    /** Outputs first, in the model's order; inputs and constants of the model are not among them. */
    public static ComparedOutputs of(Graph model) {
        var search = new Search(model);
        var outputs = model.outputs().stream().map(ValueInfoProto::getName).toList();
        outputs.stream().filter(search::isEnd).forEach(output -> search.found.put(output, output));
        outputs.stream()
                .filter(output -> !search.found.containsKey(output))
                .forEach(output -> search.before(output, output));
        return new ComparedOutputs(outputs, search.found);
    }

    private static final class Search {
        private final GraphIndex index;
        private final Map<String, DataType> types;
        private final Map<String, String> found = new LinkedHashMap<>();
        private final Set<String> seen = new HashSet<>();

        Search(Graph model) {
            index = model.index();
            types = ElementTypes.of(model);
        }

        boolean isEnd(String tensor) {
            return types.get(tensor) == DataType.FLOAT && index.producer(tensor).isPresent();
        }

        void before(String tensor, String output) {
            var producer = index.producer(tensor);
            // Sizes do not depend on values.
            if (producer.isEmpty() || producer.get().is("Shape", "Size")) {
                return;
            }
            Stream.concat(producer.get().inputs().stream(), producer.get().captured().stream())
                    .filter(seen::add)
                    .forEach(input -> {
                        if (isEnd(input)
                                && !index.producer(input, "Identity", "Dropout").isPresent()) {
                            found.putIfAbsent(input, output);
                        } else {
                            before(input, output);
                        }
                    });
        }
    }

    /**
     * The tensors that a metric reads.
     *
     * @param output its name; the first float output if empty
     * @throws BadInput if the model has no such output, or no FLOAT tensor leads to it
     */
    public ComparedOutputs lookedAt(Optional<String> output) {
        String wanted = output.or(() -> ends.values().stream().findFirst()).orElse("");
        var kept = new LinkedHashMap<>(ends);
        kept.values().retainAll(Set.of(wanted));
        if (kept.isEmpty()) {
            throw new BadInput("evaluation.output: no float tensor is, or leads to, an output '" + wanted
                    + "'; the outputs are " + outputs);
        }
        return new ComparedOutputs(outputs, kept);
    }

    public List<String> names() {
        return List.copyOf(ends.keySet());
    }

    /** The output that a tensor is, or leads to. */
    public String outputOf(String end) {
        return ends.get(end);
    }

    /** Those that another form of the model still computes. */
    public ComparedOutputs in(Graph form) {
        var made =
                form.nodes().stream().flatMap(node -> node.outputs().stream()).collect(Collectors.toSet());
        var kept = new LinkedHashMap<>(ends);
        kept.keySet().retainAll(made);
        return new ComparedOutputs(outputs, kept);
    }

    /** A form of the model whose only outputs are these tensors. */
    public Graph alone(Graph form) {
        var shown = form.copy();
        shown.outputs().clear();
        ends.keySet().forEach(end -> shown.outputs().add(ValueInfos.of(end, DataType.FLOAT)));
        return shown;
    }

    /** A form of the model with these tensors as additional outputs. */
    public Graph beside(Graph form) {
        var shown = form.copy();
        ends.keySet().stream()
                .filter(end -> !outputs.contains(end))
                .forEach(end -> shown.outputs().add(ValueInfos.of(end, DataType.FLOAT)));
        return shown;
    }

    /** Loads a file as its user would, or with additional outputs if it lacks some of these tensors. */
    public Session open(Path file, Provider provider, Session.Optimization optimization) throws IOException {
        return outputs.containsAll(ends.keySet())
                ? Session.open(file, provider, optimization)
                : Session.open(beside(ModelFile.read(file)), provider, optimization);
    }
}
