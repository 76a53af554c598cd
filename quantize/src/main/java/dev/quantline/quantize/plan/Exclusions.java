package dev.quantline.quantize.plan;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ClosestName;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Stream;

/** Names of nodes and tensors that stay float: exact, or globs in which {@code *} also matches slashes. */
final class Exclusions {
    private final Set<String> names;
    private final List<PathMatcher> globs = new ArrayList<>();

    /** @throws BadInput naming a pattern that is not a valid glob */
    Exclusions(List<String> patterns) {
        names = new HashSet<>(patterns);
        for (String pattern : patterns) {
            try {
                globs.add(FileSystems.getDefault().getPathMatcher("glob:" + plain(pattern)));
            } catch (PatternSyntaxException e) {
                throw new BadInput(
                        "exclude: '" + pattern + "' is not a name or a glob (" + e.getDescription() + ")", e);
            }
        }
    }

    /**
     * Checks that every pattern matches something.
     *
     * @param graphs the model in all the forms whose names the user may have seen
     * @throws BadInput naming a pattern that matches no node or tensor in any of them
     */
    static void check(List<String> patterns, List<Graph> graphs) {
        for (String pattern : patterns) {
            var one = new Exclusions(List.of(pattern));
            if (graphs.stream().noneMatch(graph -> one.hasAnyOf(graph))) {
                var names = graphs.stream().flatMap(Exclusions::all).distinct().toList();
                throw new BadInput("exclude: '" + pattern + "' matches no node or tensor of the model: "
                        + ClosestName.to(pattern.replace("*", ""), names)
                                .map(name -> "did you mean '" + name + "'? ")
                                .orElse("")
                        + "./quantline inspect lists its layers");
            }
        }
    }

    private boolean hasAnyOf(Graph graph) {
        return all(graph).anyMatch(this::has);
    }

    /** Every name that a user may give: all nodes, and the tensors that they read and write. */
    private static Stream<String> all(Graph graph) {
        return graph.nodes().stream()
                .flatMap(node -> Stream.concat(
                        Stream.of(node.name()),
                        Stream.concat(node.inputs().stream(), node.outputs().stream())
                                .filter(tensor -> !tensor.isEmpty())));
    }

    /** Whether the name is listed exactly. */
    boolean names(String name) {
        return names.contains(name);
    }

    /**
     * Leaving a tensor float means leaving its producer alone and, if it is named exactly or has no producer, its readers too.
     * Casts count as the same tensor.
     */
    boolean leave(Node node, GraphIndex index) {
        return has(node.name())
                || node.outputs().stream()
                        .anyMatch(output -> has(output)
                                || index.onlyConsumer(output)
                                        .filter(next -> next.is("Cast") && has(next.output()))
                                        .isPresent())
                || node.inputs().stream()
                        .anyMatch(input -> leaveReaders(input, index)
                                || index.producer(input, "Cast")
                                        .filter(cast -> leaveReaders(cast.input(0), index))
                                        .isPresent());
    }

    private boolean leaveReaders(String tensor, GraphIndex index) {
        return names(tensor) || !tensor.isEmpty() && index.producer(tensor).isEmpty() && has(tensor);
    }

    /** Whether the name is listed exactly or matches a glob. */
    boolean has(String name) {
        return names(name) || globs.stream().anyMatch(glob -> glob.matches(Path.of(plain(name))));
    }

    /** Replaces slashes, which are not path separators in names. */
    private static String plain(String name) {
        return name.replace('/', '∕').replace('\0', ' ');
    }
}
