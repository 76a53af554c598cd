package dev.quantline.quantize.tune;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.evaluate.ComparedOutputs;
import dev.quantline.quantize.evaluate.Comparison;
import dev.quantline.quantize.evaluate.OutputLoss;
import java.util.Optional;
import java.util.concurrent.atomic.DoubleAdder;
import java.util.concurrent.atomic.LongAdder;

/**
 * How far a quantized model's outputs are from the float model's on held-out samples; what computes for padding does not count.
 *
 * @param logits whether they are compared as the distributions they stand for
 */
record HeldOutError(
        Graph reference, Samples samples, BlockTuning.Split split, boolean logits, int batch, Provider provider) {

    /**
     * Squared error of the exported form over the power, averaged over the outputs; of logits the mean KL(float || quantized). NaN,
     * which is below nothing, when the samples fill no batch of a model that fixes how many it takes.
     */
    double error(BlockTuning.State state, Progress progress) {
        var comparison = new Comparison();
        var divergence = new DoubleAdder();
        var counted = new LongAdder();
        int from = split.judging();
        var compared = ComparedOutputs.of(reference);
        try (var first = Session.open(compared.alone(reference), provider, Session.Optimization.EXACT);
                var second = Session.open(
                        compared.alone(state.plan().applyTo(state.model())), provider, Session.Optimization.EXACT)) {
            samples.forEachBatch(from, split.all(), samples.unpadded(batch), fed -> {
                var exact = first.run(fed.arrays());
                var other = second.run(fed.arrays());
                comparison.add(fed, exact, other);
                divergence.add(logits ? new OutputLoss.Divergence(Optional.empty()).of(fed, exact, other) : 0);
                counted.add(fed.size());
                progress.report(
                        (fed.first() + fed.size() - from) / (double) (split.all() - from),
                        "checking on held-out samples");
            });
        }
        if (counted.sum() == 0) {
            return Double.NaN;
        }
        return logits ? divergence.sum() / counted.sum() : comparison.relativeError();
    }
}
