package dev.quantline.gradient;

import dev.quantline.onnx.Graph;
import java.util.Map;

/**
 * A graph that computes a loss and its gradients in one run.
 *
 * @param graph     inputs: those of the model, targets of the loss, and the trained tensors; outputs: the loss, the
 *                  gradients, and the tensors asked for beside them
 * @param loss      output with the loss, a scalar
 * @param gradients output with the gradient of each trained tensor, by the tensor's name, in the order they were named
 */
public record TrainingGraph(Graph graph, String loss, Map<String, String> gradients) {
}
