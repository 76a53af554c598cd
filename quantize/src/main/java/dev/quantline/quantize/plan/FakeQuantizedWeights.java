package dev.quantline.quantize.plan;

import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.Map;

/**
 * Weights as float constants that are already quantized and restored, and activations as exported: what a plan computes,
 * independently of the runtime.
 *
 * @param constants float values of the weights by name
 */
public record FakeQuantizedWeights(Map<String, Tensor> constants) implements QdqWriter.Realization {
    @Override
    public void weight(QuantizationPlan.Weight weight, Node reader, QdqWriter writer) {
        var restored = weight.quantizer().fakeQuantize(constants.get(weight.tensor()));
        writer.read(weight.node(), weight.input(), writer.graph().addConstant(weight.tensor() + "/restored", restored));
    }
}
