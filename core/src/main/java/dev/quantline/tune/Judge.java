package dev.quantline.tune;

import dev.quantline.evaluate.OutputLoss;
import dev.quantline.onnx.Graph;
import dev.quantline.runtime.Progress;
import dev.quantline.runtime.Provider;
import dev.quantline.runtime.Samples;
import dev.quantline.runtime.Session;
import java.util.concurrent.atomic.DoubleAdder;
import java.util.concurrent.atomic.LongAdder;

/** How far a quantized model's outputs are from the float model's on held-out samples; what computes for padding does not count. */
record Judge(Graph reference, Samples samples, BlockTuning.Split split, OutputLoss loss, int batch, Provider provider) {

    /** Mean over the samples of the loss of the exported form. */
    double error(BlockTuning.State state, Progress progress) {
        var sum = new DoubleAdder();
        var counted = new LongAdder();
        int from = split.judging();
        try (var first = Session.open(reference, provider, Session.Optimization.ALL);
             var second = Session.open(state.plan().applyTo(state.model()), provider, Session.Optimization.ALL)) {
            samples.forEachBatch(from, split.all(), samples.unpadded(batch), fed -> {
                sum.add(loss.of(fed, first.run(fed.arrays()), second.run(fed.arrays())));
                counted.add(fed.size());
                progress.report((fed.first() + fed.size() - from) / (double) (split.all() - from), "checking on held-out samples");
            });
        }
        return sum.sum() / counted.sum();
    }
}
