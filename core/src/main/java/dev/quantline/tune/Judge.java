package dev.quantline.tune;

import dev.quantline.evaluate.Fidelity;
import dev.quantline.evaluate.Metric;
import dev.quantline.onnx.Graph;
import dev.quantline.runtime.Progress;
import dev.quantline.runtime.Provider;
import dev.quantline.runtime.Samples;
import dev.quantline.runtime.Session;

/** How far a quantized model's outputs are from the float model's on held-out samples; what computes for padding does not count. */
record Judge(Graph reference, Samples samples, BlockTuning.Split split, int batch, Provider provider) {

    /** Squared error of the exported form over the output's power. */
    double error(BlockTuning.State state, Progress progress) {
        var fidelity = new Fidelity();
        int from = split.judging();
        try (var first = Session.open(reference, provider, Session.Optimization.ALL);
             var second = Session.open(state.plan().applyTo(state.model()), provider, Session.Optimization.ALL)) {
            samples.forEachBatch(from, split.all(), samples.unpadded(batch), fed -> {
                fidelity.add(Metric.flatten(fed, first.run(fed.arrays())), Metric.flatten(fed, second.run(fed.arrays())));
                progress.report((fed.first() + fed.size() - from) / (double) (split.all() - from), "checking on held-out samples");
            });
        }
        return fidelity.relativeError();
    }
}
