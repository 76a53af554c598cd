package dev.quantline.quantize.profile;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.pattern.ActivationKinds;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.BatchSize;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.plan.NothingToQuantize;
import dev.quantline.quantize.plan.Placement;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** The profiling stage: gathers statistics of the activations of a canonical float model. */
public final class Profiler {
    private Profiler() {}

    /**
     * Runs samples {@code from} to {@code to} (exclusive) and summarises every activation that may be quantized; tokens hidden by
     * {@code attention_mask} enter no statistic. Memory depends on the batch, not on the number of samples. For a model with a
     * fixed batch size, the batches that begin in this range are run, so that consecutive ranges leave no sample out.
     *
     * @param model   as {@link PreparedModel} holds it
     * @param batch   largest number of samples run at once; fewer if the observed tensors would take too much memory
     *                ({@link BatchSize})
     * @param exclude names of nodes or tensors that stay float; globs are allowed
     * @throws BadInput if the data does not fit the model or makes it compute NaN, or there is nothing to quantize
     */
    public static Profile observe(
            Graph model,
            Samples samples,
            int from,
            int to,
            int batch,
            List<String> exclude,
            Provider provider,
            Progress progress) {
        return observe(model, samples, from, to, batch, exclude, false, provider, progress);
    }

    /**
     * The same with a choice about padding.
     *
     * @param padding whether tokens hidden by {@code attention_mask} count as well
     */
    public static Profile observe(
            Graph model,
            Samples samples,
            int from,
            int to,
            int batch,
            List<String> exclude,
            boolean padding,
            Provider provider,
            Progress progress) {
        var placement = Placement.of(model, exclude);
        if (placement.isEmpty()) {
            throw new BadInput(NothingToQuantize.why(model, exclude));
        }
        var observed = model.copy();
        var kinds = new ActivationKinds(model.index());
        var tensors = new LinkedHashMap<String, TensorProfile>();
        for (var site : placement.activations().values()) {
            tensors.put(site.tensor(), new TensorProfile(site.tensor(), site.axis(), kinds.kindOf(site.tensor())));
            boolean shown =
                    model.inputs().stream().anyMatch(input -> input.getName().equals(site.tensor()))
                            || model.outputs().stream()
                                    .anyMatch(output -> output.getName().equals(site.tensor()));
            if (!shown) {
                observed.outputs().add(ValueInfos.of(site.tensor(), DataType.FLOAT));
            }
        }
        var seen = new int[1];
        try (var session = Session.open(observed, provider, Session.Optimization.EXACT)) {
            var inside = tensors.keySet().stream()
                    .filter(session.outputs()::contains)
                    .toList();
            var inputs = tensors.keySet().stream()
                    .filter(tensor -> !inside.contains(tensor))
                    .toList();
            int begin = begin(samples, from);
            int end = Math.min(samples.size(), begin(samples, to));
            // Samples can be told apart in a batch only along the first axis.
            int size = samples.areFirst() ? BatchSize.of(session, inside, samples, batch) : 1;
            samples.forEachBatch(begin, end, size, fed -> {
                var visible = padding ? Optional.<VisibleTokens>empty() : visible(fed);
                // In parallel, since each tensor has its own statistics; if several fail, the first in graph order is
                // reported.
                Stream.concat(
                                inputs.stream()
                                        .map(input -> failure(
                                                tensors.get(input), fed.arrays().get(input), fed, visible)),
                                inside.isEmpty()
                                        ? Stream.empty()
                                        : session
                                                .run(
                                                        fed.arrays(),
                                                        inside,
                                                        (tensor, values) ->
                                                                failure(tensors.get(tensor), values, fed, visible))
                                                .stream())
                        .flatMap(Optional::stream)
                        .findFirst()
                        .ifPresent(bad -> {
                            throw bad;
                        });
                seen[0] += fed.size();
                int done = fed.first() + fed.size();
                progress.report((double) (done - begin) / (end - begin), "profiling sample " + done);
            });
        }
        return new Profile(seen[0], tensors);
    }

    /** The start of the first batch at or after a sample. */
    private static int begin(Samples samples, int sample) {
        return Math.ceilDiv(sample, samples.batchSize(1)) * samples.batchSize(1);
    }

    private static Optional<BadInput> failure(
            TensorProfile profile, Tensor values, Dataset.Batch fed, Optional<VisibleTokens> visible) {
        try {
            profile.add(values, fed.first(), fed.size(), visible);
            return Optional.empty();
        } catch (BadInput bad) {
            return Optional.of(bad);
        }
    }

    private static Optional<VisibleTokens> visible(Dataset.Batch fed) {
        return Optional.ofNullable(fed.arrays().get(Samples.MASK))
                .filter(mask -> mask.rank() == 2 && mask.dim(0) == fed.size())
                .map(VisibleTokens::of);
    }
}
