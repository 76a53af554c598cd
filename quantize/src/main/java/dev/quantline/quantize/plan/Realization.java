package dev.quantline.quantize.plan;

import dev.quantline.onnx.Node;

/** How the quantizers of a plan compute: {@link QdqWriter} knows who reads what, and asks for the nodes in between. */
public interface Realization {
    /** Makes {@code reader} read what the codes of its constant stand for. */
    void weight(QuantizationPlan.Weight weight, Node reader, QdqWriter writer);

    /** Changes the constant bias of a layer whose weight is quantized, where it has one that is to change. */
    default void bias(QuantizationPlan.Weight weight, Node layer, QdqWriter writer) {}

    /**
     * Writes quantizing and restoring of an activation.
     *
     * @param from the float tensor
     * @param to   what its codes stand for, which all that are to read it quantized read already
     */
    default void activation(QuantizationPlan.Activation activation, String from, String to, QdqWriter writer) {
        writer.later(() -> activation.quantizer().write(writer.graph(), activation.tensor(), from, to));
    }
}
