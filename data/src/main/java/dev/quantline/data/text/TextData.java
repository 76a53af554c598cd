package dev.quantline.data.text;

import dev.quantline.data.Labels;
import dev.quantline.data.OutFiles;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.NpzWriter;
import dev.quantline.onnx.runtime.Progress;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeSet;
import java.util.function.Consumer;

/** Writes texts as the token arrays that a model takes; reads the file as often as needed and keeps only a few samples in memory. */
public final class TextData {
    /** Texts of no stated length are cut to this many tokens: more than most sentences, and what most encoders take. */
    private static final int LONGEST = 512;
    /** Samples that are tokenized at once. */
    private static final int TOGETHER = 256;

    private final Path file;
    private final Path tokenizerFile;
    private final TextSettings settings;
    private final TextInputs inputs;
    private final Progress progress;
    private int cut;
    private int leftOut;
    private long tokens;
    private int rows;

    private TextData(Path file, Path tokenizerFile, Graph model, TextSettings settings, Progress progress) {
        this.file = file;
        this.tokenizerFile = tokenizerFile;
        this.settings = settings;
        this.progress = progress;
        inputs = TextInputs.of(model, settings.ids());
    }

    /**
     * What was written.
     *
     * @param rows      sequences
     * @param length    tokens of each, padding included
     * @param described what they are
     * @param cut       how many had more tokens
     * @param leftOut   samples that do not fill a sequence of a model that takes no mask
     * @param padding   share of padding among the tokens
     * @param classes   numbers of the classes; empty for texts without labels
     * @param metric    what they are data for; empty for calibration alone
     * @param left      the model's inputs that nothing was written for
     */
    public record Result(
            int rows,
            int length,
            String described,
            int cut,
            int leftOut,
            double padding,
            Optional<Labels> classes,
            Optional<String> metric,
            List<String> left) {}

    /**
     * Writes an {@code .npz}: an array for each known input of the model, and {@code scores} or {@code labels} if there are any.
     *
     * @param file      plain text, or a table, {@code .csv} or {@code .tsv}
     * @param tokenizer a {@code tokenizer.json}
     * @throws BadInput naming the file, column or option that cannot be used; nothing is written then
     */
    public static Result write(
            Path file, Path tokenizer, Graph model, TextSettings settings, Path out, Progress progress)
            throws IOException {
        var data = new TextData(file, tokenizer, model, settings, progress);
        try {
            return settings.blocks() ? data.blocks(new OutFiles(out)) : data.samples(new OutFiles(out));
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    private OptionalInt stated() {
        var fixed = inputs.length();
        if (fixed.isPresent()
                && settings.length().isPresent()
                && fixed.getAsInt() != settings.length().getAsInt()) {
            throw new BadInput("--length " + settings.length().getAsInt() + " does not fit the model, which takes "
                    + fixed.getAsInt() + " tokens");
        }
        if (settings.length().isPresent() && settings.length().getAsInt() < 1) {
            throw new BadInput("--length " + settings.length().getAsInt() + ": a sample needs at least one token");
        }
        return fixed.isPresent() ? fixed : settings.length();
    }

    private Result samples(OutFiles out) throws IOException {
        var source = TextSource.of(file, settings);
        var names = new TreeSet<String>();
        int[] count = {0};
        source.forEach(sample -> {
            count[0]++;
            Optional.ofNullable(sample.label()).ifPresent(names::add);
        });
        if (count[0] == 0) {
            throw new BadInput(file + " contains no texts");
        }
        var chosen = settings.subset().chosen(count[0]);
        int length = stated().isPresent() ? stated().getAsInt() : longest(source, chosen);
        var labels = names.isEmpty() ? Optional.<Labels>empty() : Optional.of(Labels.of(names));
        Optional<String> metric;
        try (var tokenizer = TokenizerFile.open(tokenizerFile, OptionalInt.of(length));
                var npz = new NpzWriter(out.npz())) {
            var writing = new Writing(tokenizer, npz, length, labels);
            each(source, chosen, writing::write);
            if (rows == 0) {
                throw new BadInput(
                        ("none of %d texts has %d tokens, but the model takes no mask that would hide padding: use a smaller "
                                        + "--length, --blocks, or --padded")
                                .formatted(chosen.cardinality(), length));
            }
            npz.finish();
            metric = writing.metric;
        }
        boolean classified = metric.filter("top1"::equals).isPresent();
        if (classified && !labels.get().numbered()) {
            Files.writeString(out.beside("labels.json"), labels.get().json().toPrettyString() + "\n");
        }
        return new Result(
                rows,
                length,
                source.described(),
                cut,
                leftOut,
                1 - tokens / ((double) rows * length),
                classified ? labels : Optional.empty(),
                metric,
                inputs.left());
    }

    /** Hands out the chosen samples, some at a time. */
    private void each(TextSource source, BitSet chosen, Consumer<List<TextSource.Sample>> action) throws IOException {
        var waiting = new ArrayList<TextSource.Sample>();
        int[] at = {0, 0};
        int wanted = chosen.cardinality();
        source.forEach(sample -> {
            if (chosen.get(at[0]++)) {
                waiting.add(sample);
                at[1]++;
                if (waiting.size() == TOGETHER) {
                    progress.report((double) at[1] / wanted, at[1] + " of " + wanted + " texts");
                    action.accept(List.copyOf(waiting));
                    waiting.clear();
                }
            }
        });
        if (!waiting.isEmpty()) {
            action.accept(List.copyOf(waiting));
        }
        progress.report(1, wanted + " texts");
    }

    private int longest(TextSource source, BitSet chosen) throws IOException {
        if (!inputs.masked() && !settings.padded()) {
            throw new BadInput(
                    "the model takes no mask that would hide padding, so all samples must be full: use --length N, with or "
                            + "without --blocks");
        }
        int[] longest = {1};
        try (var tokenizer = TokenizerFile.open(tokenizerFile, OptionalInt.empty())) {
            each(
                    source,
                    chosen,
                    samples -> encoded(tokenizer, samples)
                            .forEach(texts ->
                                    texts.forEach(text -> longest[0] = Math.max(longest[0], text.ids().length))));
            return Math.min(longest[0], tokenizer.longest().orElse(LONGEST));
        }
    }

    /** Sequences of each sample. */
    private List<List<TokenizerFile.Tokens>> encoded(TokenizerFile tokenizer, List<TextSource.Sample> samples) {
        if (settings.joint()) {
            return samples.stream()
                    .map(sample -> List.of(
                            sample.texts().size() == 2
                                    ? tokenizer.encode(
                                            sample.texts().getFirst(),
                                            sample.texts().getLast())
                                    : tokenizer.encode(sample.texts()).getFirst()))
                    .toList();
        }
        var all = tokenizer
                .encode(samples.stream()
                        .flatMap(sample -> sample.texts().stream())
                        .toList())
                .iterator();
        return samples.stream()
                .map(sample -> sample.texts().stream().map(_ -> all.next()).toList())
                .toList();
    }

    /** Rows of samples on their way into the file. */
    private final class Writing {
        private final TokenizerFile tokenizer;
        private final NpzWriter npz;
        private final int length;
        private final Map<String, Integer> classes;
        private final boolean labelled;
        private Optional<String> metric = Optional.empty();

        Writing(TokenizerFile tokenizer, NpzWriter npz, int length, Optional<Labels> labels) {
            this.tokenizer = tokenizer;
            this.npz = npz;
            this.length = length;
            labelled = labels.isPresent();
            classes = labels.map(known -> known.numbersOf(List.of())).orElse(Map.of());
        }

        void write(List<TextSource.Sample> samples) {
            try {
                var sequences = encoded(tokenizer, samples).iterator();
                for (var sample : samples) {
                    write(sample, sequences.next());
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        private void write(TextSource.Sample sample, List<TokenizerFile.Tokens> sequences) throws IOException {
            if (!inputs.masked()
                    && !settings.padded()
                    && sequences.stream().anyMatch(sequence -> sequence.ids().length < length)) {
                leftOut++;
                return;
            }
            for (var sequence : sequences) {
                add(
                        npz,
                        inputs.row(
                                sequence,
                                length,
                                tokenizer.padding().orElse(0),
                                tokenizer.paddingType(),
                                tokenizer.padsLeft()));
                tokens += sequence.ids().length;
                cut += sequence.cut() ? 1 : 0;
            }
            boolean pair = sequences.size() == 2;
            if (pair && sample.score() != null) {
                npz.add("scores", Tensor.vector(sample.score()));
                metric = Optional.of("pairs");
            }
            // One label a row, so that two sequences of a pair can have none.
            if (labelled && !pair) {
                npz.add("labels", Tensor.vector((long) classes.get(sample.label())));
                metric = Optional.of("top1");
            }
        }
    }

    private void add(NpzWriter npz, Map<String, Tensor> row) throws IOException {
        for (var array : row.entrySet()) {
            npz.add(array.getKey(), array.getValue());
        }
        rows++;
    }

    private Result blocks(OutFiles out) throws IOException {
        int length = stated().orElseThrow(
                        () -> new BadInput("--blocks needs --length N, the tokens of a block: as many as the model's "
                                + "context, or a few hundred"));
        if (!Files.isRegularFile(file)) {
            throw new BadInput(file + ": no such file");
        }
        try (var tokenizer = TokenizerFile.open(tokenizerFile, OptionalInt.empty());
                var npz = new NpzWriter(out.npz())) {
            var opening = tokenizer.opening();
            if (opening.length >= length) {
                throw new BadInput("--length " + length + ": the tokenizer already starts each text with "
                        + opening.length + " tokens");
            }
            var chosen = settings.subset().limit() == 0
                    ? null
                    : settings.subset().chosen(count(tokenizer, length - opening.length));
            long size = Math.max(1, Files.size(file));
            long[] seen = {0};
            var blocks = new Blocks(opening, length, (number, ids) -> {
                if (chosen == null || chosen.get(number)) {
                    add(npz, inputs.row(new TokenizerFile.Tokens(ids, new long[length], false), length, 0, 0, false));
                }
            });
            Pieces.of(file, piece -> {
                seen[0] += piece.length();
                progress.report(Math.min(1, (double) seen[0] / size), rows + " blocks");
                blocks.add(tokenizer.encodeBare(piece));
            });
            if (rows == 0) {
                throw new BadInput(
                        "%s has %d tokens, too few for a block of %d".formatted(file, blocks.tokens(), length));
            }
            npz.finish();
            progress.report(1, rows + " blocks");
            var described = "blocks of a text of " + blocks.tokens() + " tokens"
                    + (opening.length == 0 ? "" : ", each after \"" + tokenizer.decode(opening) + "\"");
            return new Result(
                    rows, length, described, 0, 0, 0, Optional.empty(), Optional.of("perplexity"), inputs.left());
        }
    }

    private int count(TokenizerFile tokenizer, int room) throws IOException {
        long[] tokens = {0};
        Pieces.of(file, piece -> tokens[0] += tokenizer.encodeBare(piece).length);
        return Math.toIntExact(tokens[0] / room);
    }
}
