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
 * How far a quantized model's outputs are from the float model's on held-out samples; outputs at padded positions are ignored.
 *
 * @param logits whether outputs are compared as the distributions that they parametrize
 */
record HeldOutError(
        Graph reference, Samples samples, BlockTuning.Split split, boolean logits, int batch, Provider provider) {

    /**
     * Squared error of the exported form relative to the power, averaged over the outputs; for logits, the mean KL(float || quantized).
     * NaN, which never counts as an improvement, if the samples do not fill one batch of a model with a fixed batch size.
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
