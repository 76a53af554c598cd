package dev.quantline.quantize.calibrate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Operators;
import dev.quantline.onnx.pattern.NormOutput;
import dev.quantline.onnx.rewrite.Rewrite;
import dev.quantline.onnx.rewrite.ScaleMigration;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.TensorBatches;
import dev.quantline.quantize.calibrate.CalibrateSettings.Migration;
import dev.quantline.quantize.calibrate.CalibrateSettings.SoftmaxQuantizer;
import dev.quantline.quantize.linear.LayerWeight;
import dev.quantline.quantize.plan.Placement;
import dev.quantline.quantize.profile.Profile;
import dev.quantline.quantize.profile.TensorProfile;
import dev.quantline.quantize.quantizer.Codebook;
import dev.quantline.quantize.quantizer.Logarithmic;
import dev.quantline.quantize.quantizer.Quantizer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Chooses quantizers of activations, by the histogram alone or by the error of the layers that read them. */
final class ActivationQuantizerSearch implements AutoCloseable {
    /** Tensors are kept twice: what layers read, and what those at hand should give. */
    private static final int SHARES = 2;

    private final Graph model;
    private final Map<String, TensorProfile> profiles;
    private final Optional<TensorBatches> captured;
    private final CalibrateSettings settings;
    private final Provider provider;
    private final List<String> moved = new ArrayList<>();
    private final List<String> refused = new ArrayList<>();

    private ActivationQuantizerSearch(
            Graph model,
            Map<String, TensorProfile> profiles,
            Optional<TensorBatches> captured,
            CalibrateSettings settings,
            Provider provider) {
        this.model = model;
        this.profiles = profiles;
        this.captured = captured;
        this.settings = settings;
        this.provider = provider;
    }

    /** A chosen quantizer, the criterion it was chosen by, and the consumers' error where it was measured, else null. */
    record Chosen(Quantizer quantizer, String range, Double error) {}

    static ActivationQuantizerSearch without(Graph model, Profile profile, CalibrateSettings settings) {
        return new ActivationQuantizerSearch(model, profile.tensors(), Optional.empty(), settings, Provider.cpu());
    }

    /** Runs some samples, and moves channel spread out of norm outputs first. */
    static ActivationQuantizerSearch on(
            Graph model,
            Profile profile,
            Samples samples,
            CalibrateSettings settings,
            int batch,
            Provider provider,
            Progress progress) {
        var placement = Placement.of(model, settings.exclude());
        var tensors = new LinkedHashSet<>(placement.activations().keySet());
        for (var node : model.nodes()) {
            if (Operators.LAYERS.has(node) && node.inputs().stream().anyMatch(placement.activations()::containsKey)) {
                node.inputs().stream()
                        .filter(input ->
                                !input.isEmpty() && !model.initializers().containsKey(input))
                        .forEach(tensors::add);
            }
        }
        progress.report(0, "running " + settings.samples() + " samples to try quantizers on");
        var kept = settings.measuresReaders()
                ? tensors
                : placement.activations().values().stream()
                        .filter(site -> isMovable(model, site, nodes(model, site))
                                && (settings.layernorm() == Migration.SEARCH
                                        || NormOutput.of(model.index(), site.tensor())
                                                .isPresent()))
                        .map(Placement.QuantizationPoint::tensor)
                        .toList();
        var captured = new ActivationSample(model, tensors, kept)
                .run(
                        samples,
                        settings.samples(),
                        batch,
                        provider,
                        settings.spilling().share(SHARES));
        try {
            var search = new ActivationQuantizerSearch(
                    model, new HashMap<>(profile.tensors()), Optional.of(captured), settings, provider);
            return settings.layernorm() == Migration.OFF ? search : search.migrated(placement, progress.part(0.1, 0.4));
        } catch (RuntimeException e) {
            captured.close();
            throw e;
        }
    }

    /** Whether all that read a tensor quantized are products that could take in what is moved out of it. */
    private static boolean isMovable(Graph model, Placement.QuantizationPoint site, List<Node> readers) {
        return !readers.isEmpty()
                && readers.stream()
                        .allMatch(reader -> reader.input(0).equals(site.tensor())
                                && LayerWeight.of(model, reader).isPresent()
                                && !reader.is("Conv"));
    }

    Graph model() {
        return model;
    }

    Map<String, TensorProfile> profiles() {
        return profiles;
    }

    TensorProfile profileOf(String tensor) {
        var seen = profiles.get(tensor);
        if (seen == null) {
            throw new BadInput("activation '" + tensor + "' is not in the profile: profile the model again");
        }
        if (seen.histogram().total() == 0) {
            throw new BadInput("activation '" + tensor
                    + "' never had a value: give at least as many calibration samples as the model" + " takes at once");
        }
        return seen;
    }

    private ActivationQuantizerSearch migrated(Placement placement, Progress progress) {
        var graph = model;
        int done = 0;
        for (var site : placement.activations().values()) {
            progress.report((double) done++ / placement.activations().size(), "moving channel spread behind norms");
            var readers = nodes(graph, site);
            boolean norm = NormOutput.of(graph.index(), site.tensor()).isPresent();
            if (!isMovable(model, site, readers)) {
                refuse(graph, site.tensor(), "not all that read it quantized are MatMul or Gemm with constant weights");
                continue;
            }
            var batches = captured.orElseThrow();
            var choice = choice(graph, site, norm, readers);
            if (choice.isEmpty()) {
                refuse(
                        graph,
                        site.tensor(),
                        norm
                                ? "its readers' outputs gain nothing, or its channels are not known"
                                : settings.layernorm() == Migration.SEARCH
                                        ? "a multiplication would take away less than a fifth of the error"
                                        : "its gamma or beta is no constant vector over the last axis");
            } else {
                moved.add(site.tensor());
                graph = new ScaleMigration(
                                site.tensor(),
                                readers,
                                choice.get().ratio(),
                                choice.get().shift())
                        .apply(graph)
                        .graph();
                String read =
                        graph.node(readers.getFirst().name()).orElseThrow().input(0);
                var migrated = batches.all(site.tensor()).map(values -> MigrationSearch.migrate(values, choice.get()));
                profiles.put(read, TensorProfile.of(read, -1, migrated::iterator));
                for (int i = 0; settings.measuresReaders() && i < batches.size(); i++) {
                    batches.put(i, read, MigrationSearch.migrate(batches.get(i, site.tensor()), choice.get()));
                }
            }
        }
        var search = new ActivationQuantizerSearch(graph, profiles, captured, settings, provider);
        search.moved.addAll(moved);
        search.refused.addAll(refused);
        return search;
    }

    /** Says why a norm was left alone; of other activations nobody expects anything. */
    private void refuse(Graph graph, String tensor, String reason) {
        if (NormOutput.kindOf(graph.index(), tensor).isPresent()) {
            refused.add(tensor + ": " + reason);
        }
    }

    /** Whose channel spread was moved into the layers that read it, and which norms kept it and why. */
    Rewrite rewrite() {
        return new Rewrite(ScaleMigration.NAME, moved, refused);
    }

    private Optional<MigrationSearch.Choice> choice(
            Graph graph, Placement.QuantizationPoint site, boolean norm, List<Node> readers) {
        var search = new MigrationSearch(settings);
        if (settings.layernorm() != Migration.SEARCH) {
            return norm ? search.fixed(profileOf(site.tensor())) : Optional.empty();
        }
        try (var error = consumers(graph, readers)) {
            return search.best(graph, profileOf(site.tensor()), norm, readers, captured.get(), error);
        }
    }

    private ConsumerError consumers(Graph graph, List<Node> readers) {
        return new ConsumerError(
                graph, readers, captured.orElseThrow(), settings.spilling().share(SHARES), provider);
    }

    private static List<Node> nodes(Graph graph, Placement.QuantizationPoint site) {
        return graph.nodes().stream()
                .filter(node -> site.readers().contains(node.name()))
                .toList();
    }

    /** The quantizer of one site at each width. */
    Map<Integer, Chosen> choose(Placement.QuantizationPoint site, List<Integer> widths) {
        var seen = profileOf(site.tensor());
        var readers = model.nodes().stream()
                .filter(node -> Operators.LAYERS.has(node)
                        && node.inputs().contains(site.tensor())
                        && (site.readers().isEmpty() || site.readers().contains(node.name())))
                .toList();
        boolean softmax = settings.softmax() != SoftmaxQuantizer.UNIFORM && isSoftmax(site.tensor());
        boolean measured = captured.isPresent()
                && !readers.isEmpty()
                && (softmax || settings.range() instanceof RangeCriterion.Auto);
        var chosen = new TreeMap<Integer, Chosen>();
        if (!measured) {
            String range = settings.range() instanceof RangeCriterion.Auto
                    ? "mse"
                    : settings.range().label();
            widths.forEach(bits -> chosen.put(bits, new Chosen(settings.range().choose(seen, bits), range, null)));
            return chosen;
        }
        try (var error = consumers(model, readers)) {
            for (int bits : widths) {
                chosen.put(
                        bits,
                        candidates(
                                        seen,
                                        bits,
                                        softmax,
                                        quantizer -> error.of(Map.of(site.tensor(), quantizer::fakeQuantize)))
                                .stream()
                                .min((one, other) -> Double.compare(one.error(), other.error()))
                                .orElseThrow());
            }
            return chosen;
        }
    }

    private interface Judge {
        double of(Quantizer quantizer);
    }

    private List<Chosen> candidates(TensorProfile seen, int bits, boolean softmax, Judge judge) {
        var candidates = new ArrayList<Chosen>();
        var wanted = settings.softmax();
        if (!softmax || wanted == SoftmaxQuantizer.AUTO || bits > Codebook.WIDEST) {
            var criteria =
                    settings.range() instanceof RangeCriterion.Auto ? RangeCriterion.ALL : List.of(settings.range());
            for (var criterion : criteria) {
                var quantizer = criterion.choose(seen, bits);
                candidates.add(new Chosen(quantizer, criterion.label(), judge.of(quantizer)));
            }
        }
        if (softmax && bits <= Codebook.WIDEST) {
            // RepQ-ViT's scales and the maximum, for every curve; the product decides, and not as there the
            // activation's own error.
            var histogram = seen.histogram();
            double[] scales = {
                histogram.max(), histogram.quantile(0.99999), histogram.quantile(0.9999), histogram.quantile(0.999)
            };
            for (int root = 1; root <= 2; root++) {
                if (wanted == SoftmaxQuantizer.AUTO
                        || wanted == (root == 1 ? SoftmaxQuantizer.LOG2 : SoftmaxQuantizer.LOGSQRT2)) {
                    for (double scale : scales) {
                        var quantizer = new Logarithmic(bits, root, (float) scale);
                        candidates.add(new Chosen(quantizer, "product", judge.of(quantizer)));
                    }
                }
            }
            if (wanted == SoftmaxQuantizer.AUTO || wanted == SoftmaxQuantizer.TAN) {
                var quantizer = TanSearch.search(bits, scales, judge::of);
                candidates.add(new Chosen(quantizer, "product", judge.of(quantizer)));
            }
        }
        return candidates;
    }

    private boolean isSoftmax(String tensor) {
        return model.index().producer(tensor, "Softmax").isPresent();
    }

    @Override
    public void close() {
        captured.ifPresent(TensorBatches::close);
    }
}
