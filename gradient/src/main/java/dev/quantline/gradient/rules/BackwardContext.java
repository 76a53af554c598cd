package dev.quantline.gradient.rules;

import dev.quantline.gradient.emit.Emitter;
import dev.quantline.gradient.emit.Shapes;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * One node in the backward pass, as a {@link Rule} sees it: its tensors, the gradients of its outputs, and a place to
 * give the gradients of its inputs. Gradients of inputs that depend on nothing trained are dropped.
 */
public final class BackwardContext {
    private final Emitter e;
    private final Node node;
    private final List<String> outputGradients;
    private final Set<Integer> wanted;
    private final GraphIndex index;
    private final Map<String, String> gradients;
    private final Map<Integer, String> given = new TreeMap<>();

    /** A node that reads a tensor, and the gradient of that node's first output. */
    public record Reader(Node node, String gradient) {}

    /**
     * @param outputGradients one name per output of {@code node}, empty if the loss does not depend on it
     * @param wanted          indices of the inputs that depend on trained tensors
     * @param index           index of the graph
     * @param gradients       gradients by tensor, as far as known
     */
    public BackwardContext(
            Emitter emitter,
            Node node,
            List<String> outputGradients,
            Set<Integer> wanted,
            GraphIndex index,
            Map<String, String> gradients) {
        this.e = emitter;
        this.node = node;
        this.outputGradients = outputGradients;
        this.wanted = wanted;
        this.index = index;
        this.gradients = gradients;
    }

    /** Gradients given so far, by input index. */
    public Map<Integer, String> given() {
        return given;
    }

    Emitter emitter() {
        return e;
    }

    Shapes shapes() {
        return e.shapes();
    }

    Node node() {
        return node;
    }

    /** Name of input {@code i}, empty if omitted. */
    String in(int i) {
        return node.input(i);
    }

    /** Name of the first output. */
    String out() {
        return node.output();
    }

    /** Gradient of the first output. */
    String dy() {
        return dy(0);
    }

    /** Gradient of output {@code i}; zeros if the loss does not depend on it. */
    String dy(int i) {
        return isFollowed(i) ? outputGradients.get(i) : e.zerosLike(node.output(i));
    }

    /** Whether the loss depends on output {@code i}. */
    boolean isFollowed(int i) {
        return !outputGradients.get(i).isEmpty();
    }

    /** Producers and consumers of tensors before anything was emitted. */
    GraphIndex index() {
        return index;
    }

    /** The only reader of the first output, from which its whole gradient came; empty if there are several. */
    Optional<Reader> reader() {
        return index.onlyConsumer(out())
                .flatMap(consumer -> Optional.ofNullable(gradients.get(consumer.output()))
                        .map(gradient -> new Reader(consumer, gradient)));
    }

    /** Whether input {@code i} needs a gradient. */
    boolean wants(int i) {
        return wanted.contains(i);
    }

    /** Gives the gradient of input {@code i}, in the shape of that input. */
    void give(int i, String gradient) {
        if (wants(i)) {
            given.put(i, gradient);
        }
    }

    /** Gives a gradient in the shape of the first output for an input that was broadcast to it. */
    void giveSummed(int i, String gradient) {
        if (wants(i)) {
            given.put(i, e.sumTo(gradient, out(), in(i)));
        }
    }

    /** The constant value of input {@code i}; empty if it is omitted or computed. */
    Optional<Tensor> constant(int i) {
        return Optional.ofNullable(e.constant(in(i)));
    }

    /** The constant integers of input {@code i}. @throws BadInput if they are computed at run time */
    long[] longs(int i) {
        return constant(i)
                .orElseThrow(() ->
                        refusal("its input '" + in(i) + "' must be a constant: fix the sizes of the model's inputs"))
                .toLongs();
    }

    /** An axis counted from the front. */
    int axis(int axis, String tensor) {
        return axis < 0 ? axis + shapes().rank(tensor) : axis;
    }

    /** An exception that names this node. */
    BadInput refusal(String reason) {
        return new BadInput("no gradient through " + node + ": " + reason);
    }
}
