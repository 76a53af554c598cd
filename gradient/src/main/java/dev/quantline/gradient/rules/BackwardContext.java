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
 * One node on its way backward, as a {@link Rule} sees it: its tensors, the gradients of its outputs, and a place to
 * hand in the gradients of its inputs. What is handed in for an input that nobody trains is dropped again.
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
     * @param outputGradients one name an output of {@code node}, empty where nothing depends on it
     * @param wanted          indices of the inputs that depend on something trained
     * @param index           of the graph
     * @param gradients       of the tensors that have one by now
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

    /** Gradients handed in so far, by input index. */
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

    /** Name of input {@code i}, empty when omitted. */
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

    /** Gradient of output {@code i}: zeros where nothing depends on it. */
    String dy(int i) {
        return isFollowed(i) ? outputGradients.get(i) : e.zerosLike(node.output(i));
    }

    /** Whether the loss depends on output {@code i}. */
    boolean isFollowed(int i) {
        return !outputGradients.get(i).isEmpty();
    }

    /** Who computes and who reads what, before anything was emitted. */
    GraphIndex index() {
        return index;
    }

    /** The only reader of the first output, through which alone its gradient came; empty when there are more. */
    Optional<Reader> reader() {
        return index.onlyConsumer(out())
                .flatMap(consumer -> Optional.ofNullable(gradients.get(consumer.output()))
                        .map(gradient -> new Reader(consumer, gradient)));
    }

    /** Whether input {@code i} needs a gradient. */
    boolean wants(int i) {
        return wanted.contains(i);
    }

    /** Hands in the gradient of input {@code i}, of that input's shape. */
    void give(int i, String gradient) {
        if (wants(i)) {
            given.put(i, gradient);
        }
    }

    /** Hands in a gradient shaped like the first output for an input that was broadcast to it. */
    void giveSummed(int i, String gradient) {
        if (wants(i)) {
            given.put(i, e.sumTo(gradient, out(), in(i)));
        }
    }

    /** The constant value of input {@code i}, empty when it is omitted or computed. */
    Optional<Tensor> constant(int i) {
        return Optional.ofNullable(e.constant(in(i)));
    }

    /** The constant integers of input {@code i}. @throws BadInput when they are computed while running */
    long[] longs(int i) {
        return constant(i)
                .orElseThrow(() -> refusal(
                        "its input '" + in(i) + "' must be a constant: fix the sizes of the" + " model's inputs"))
                .toLongs();
    }

    /** An axis counted from the front. */
    int axis(int axis, String tensor) {
        return axis < 0 ? axis + shapes().rank(tensor) : axis;
    }

    /** A failure that names this node. */
    BadInput refusal(String reason) {
        return new BadInput("no gradient through " + node + ": " + reason);
    }
}
