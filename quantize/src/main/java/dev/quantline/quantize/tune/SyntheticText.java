package dev.quantline.quantize.tune;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Npz;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.evaluate.ComparedOutputs;
import dev.quantline.quantize.evaluate.LogSoftmax;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Text that a float language model writes itself, for its quantized form to learn from where samples are few (data-free distillation
 * of LLM-QAT, arXiv 2305.17888): each sequence begins with the first token of a sample and goes on with tokens drawn from what the
 * model expects next.
 */
public final class SyntheticText {
    private static final String TOKENS = "input_ids";
    private static final String POSITION = "position to go on from";
    /** Samples for one that is given: the quarter that judges is then given ones alone. */
    private static final int MOST = 4;

    private final Graph model;
    private final String logits;
    private final Samples given;
    private final Provider provider;

    /** A sequence; what the mask hides is padding. */
    private record Row(long[] tokens, long[] mask) {
        Row(long[] tokens) {
            this(tokens, new long[tokens.length]);
            Arrays.fill(mask, 1);
        }

        long first() {
            return tokens[
                    IntStream.range(0, mask.length)
                            .filter(i -> mask[i] != 0)
                            .findFirst()
                            .orElse(0)];
        }
    }

    /**
     * @param model  float model that {@link #writes}
     * @param output its logits; the first output of floats when empty
     */
    public SyntheticText(Graph model, Optional<String> output, Samples given, Provider provider) {
        this.model = model;
        logits = logits(model, output);
        this.given = given;
        this.provider = provider;
    }

    /**
     * Whether a model takes INT64 tokens {@code [samples, tokens]}, perhaps with a mask, and gives logits
     * {@code [samples, tokens, vocabulary]}.
     *
     * @param output the logits; the first output of floats when empty
     */
    public static boolean writes(Graph model, Optional<String> output) {
        var inputs = model.inputs().stream().map(input -> input.getName()).toList();
        var logits = Optional.ofNullable(OnnxLibrary.inferShapes(model).get(logits(model, output)));
        return inputs.contains(TOKENS)
                && Set.of(TOKENS, Samples.MASK).containsAll(inputs)
                && model.inputs().stream()
                        .allMatch(input -> ValueInfos.type(input)
                                .filter(DataType.INT64::equals)
                                .isPresent())
                && logits.flatMap(ValueInfos::shape)
                        .filter(shape -> shape.length == 3)
                        .isPresent();
    }

    private static String logits(Graph model, Optional<String> output) {
        return ComparedOutputs.of(model).lookedAt(output).names().getFirst();
    }

    /**
     * Writes a data set: what the model wrote, and behind it the samples given, which tuning holds out first.
     *
     * @param wanted samples of both kinds; at most four times those given are made
     * @param batch  sequences written at once
     * @param file   {@code .npz} to write
     */
    public void save(int wanted, int batch, long seed, Path file, Progress progress) throws IOException {
        var rows = rows();
        int tokens = rows.stream().mapToInt(row -> row.tokens().length).max().orElseThrow();
        var all = written(
                rows,
                Math.min(wanted, MOST * rows.size()) - rows.size(),
                tokens,
                given.batchSize(batch),
                seed,
                progress);
        all.addAll(rows);
        var arrays = new LinkedHashMap<String, Tensor>();
        for (var input : model.inputs()) {
            var array = Tensor.zeros(DataType.INT64, all.size(), tokens);
            var memory = array.data().asLongBuffer();
            for (int i = 0; i < all.size(); i++) {
                memory.put(
                        i * tokens,
                        input.getName().equals(Samples.MASK)
                                ? all.get(i).mask()
                                : all.get(i).tokens());
            }
            arrays.put(input.getName(), array);
        }
        Npz.write(file, arrays);
    }

    private List<Row> rows() {
        var rows = new ArrayList<Row>();
        given.forEachBatch(0, given.size(), 1, fed -> {
            var ids = fed.arrays().get(TOKENS);
            var masks = fed.arrays().get(Samples.MASK);
            for (int i = 0; i < fed.size(); i++) {
                rows.add(
                        masks == null
                                ? new Row(ids.rows(i, i + 1).toLongs())
                                : new Row(
                                        ids.rows(i, i + 1).toLongs(),
                                        masks.rows(i, i + 1).toLongs()));
            }
        });
        return rows;
    }

    private List<Row> written(List<Row> beginnings, int count, int tokens, int batch, long seed, Progress progress) {
        var written = new ArrayList<Row>();
        try (var session = Session.open(writer(), provider, Session.Optimization.EXACT)) {
            while (written.size() < count) {
                int from = written.size();
                var rows = new long[batch][tokens];
                var random = new Random(seed * 31 + from);
                for (int i = 0; i < batch; i++) {
                    rows[i][0] = beginnings.get((from + i) % beginnings.size()).first();
                }
                for (int t = 1; t < tokens; t++) {
                    double part = Math.min(batch, count - from) * (double) t / tokens;
                    progress.report((from + part) / count, "the float network writes samples");
                    var logits = session.run(feed(rows, t)).values().iterator().next();
                    for (int i = 0; i < batch; i++) {
                        rows[i][t] = drawn(logits.floats(), i * logits.dim(1), logits.dim(1), random);
                    }
                }
                Arrays.stream(rows).limit(count - from).map(Row::new).forEach(written::add);
            }
        }
        return written;
    }

    /** The model with the logits {@code [samples, vocabulary]} of one position as its only output. */
    private Graph writer() {
        var writer = model.copy();
        String next = writer.fresh("next");
        writer.inputs().add(ValueInfos.of(POSITION, DataType.INT64, new long[0]));
        writer.nodes().add(Node.of("Gather", List.of(logits, POSITION), next).with("axis", 1L));
        writer.outputs().clear();
        writer.outputs().add(ValueInfos.of(next, DataType.FLOAT));
        writer.prune();
        return writer;
    }

    /** All tokens written so far, as long as the model wants them; it looks at none behind the position. */
    private Map<String, Tensor> feed(long[][] rows, int written) {
        var feed = new LinkedHashMap<String, Tensor>();
        feed.put(POSITION, Tensor.of(new long[] {written - 1}));
        for (var input : model.inputs()) {
            long fixed = ValueInfos.shape(input).orElseThrow()[1];
            int length = fixed > 0 ? (int) fixed : written;
            var tensor = Tensor.zeros(DataType.INT64, rows.length, length);
            var memory = tensor.data().asLongBuffer();
            for (int i = 0; i < rows.length; i++) {
                memory.put(
                        i * length,
                        input.getName().equals(Samples.MASK) ? new Row(rows[i]).mask() : rows[i],
                        0,
                        written);
            }
            feed.put(input.getName(), tensor);
        }
        return feed;
    }

    /** A token with the probability that softmax gives it. */
    private static int drawn(FloatBuffer logits, int from, int vocabulary, Random random) {
        var logarithms = LogSoftmax.of(logits, from, vocabulary);
        double left = random.nextDouble();
        int token = 0;
        while (token < vocabulary - 1 && (left -= Math.exp(logarithms[token])) >= 0) {
            token++;
        }
        return token;
    }
}
