package dev.quantline.quantize.tune;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import java.util.Map;

/**
 * A quantizer, weight or bias as it is simulated while being trained: written into a graph as ordinary operators over
 * trained tensors, which are initializers with their start values, and folded back into a constant and a quantizer.
 *
 * <p>All trained tensors are relative: shifts count steps of the quantizer, factors multiply its scale. One learning
 * rate therefore suits every layer.
 */
sealed interface TrainedPart permits TrainedWeightQuantizer, TrainedBias, TrainedActivationQuantizer {
    /** Writes the operators; the graph must be sorted afterwards. */
    void write(Graph graph);

    /** The trained tensors and their kinds, known once written. */
    Map<String, Trainables.Kind> parameters();

    /** Stores the trained constants and quantizers for export. */
    void fold(Map<String, Tensor> values, Tuned tuned);
}
