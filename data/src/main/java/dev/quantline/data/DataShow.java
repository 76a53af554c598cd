package dev.quantline.data;

import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.NpzArrays;
import dev.quantline.onnx.runtime.Samples;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** What an {@code .npz} holds, as lines for people. */
public final class DataShow {
    private static final String ROW = "%-20s %-8s %-20s %10s %10s %10s  %s";
    private static final int VALUES = 8;

    private DataShow() {}

    /**
     * One array.
     *
     * @param least     of its finite values, as {@code most} and {@code mean}; empty where it has no sample
     * @param notFinite values that are NaN or infinite
     */
    public record Summary(
            String array,
            String type,
            List<Long> shape,
            Optional<Double> least,
            Optional<Double> most,
            Optional<Double> mean,
            long notFinite) {}

    /** What there is to say of every array: types, shapes, ranges. */
    public static List<Summary> arrays(NpzArrays file) throws IOException {
        var summaries = new ArrayList<Summary>();
        for (var header : file.list()) {
            var values = Statistics.of(file, header.name());
            var some = Optional.of(values).filter(_ -> header.rows() > 0);
            summaries.add(new Summary(
                    header.name(),
                    header.type().toString(),
                    Arrays.stream(header.shape()).boxed().toList(),
                    some.map(Statistics::least),
                    some.map(Statistics::most),
                    some.map(Statistics::mean),
                    values.notFinite()));
        }
        return summaries;
    }

    /** The same as a table. */
    public static List<String> table(List<Summary> arrays) {
        var lines = new ArrayList<String>();
        lines.add(ROW.formatted("array", "type", "shape", "least", "most", "mean", "")
                .stripTrailing());
        arrays.forEach(array -> lines.add(ROW.formatted(
                        array.array(),
                        array.type(),
                        array.shape(),
                        brief(array.least()),
                        brief(array.most()),
                        brief(array.mean()),
                        array.notFinite() > 0 ? array.notFinite() + " values are NaN or infinite" : "")
                .stripTrailing()));
        return lines;
    }

    private static String brief(Optional<Double> value) {
        return value.map(Numbers::brief).orElse("-");
    }

    /**
     * The first samples, array by array.
     *
     * @param count  samples
     * @param decode tokens as text, where a tokenizer is at hand: of arrays {@code [samples, tokens]} of token ids
     */
    public static List<String> samples(NpzArrays file, int count, Optional<Function<long[], String>> decode)
            throws IOException {
        var headers = file.list();
        var mask = headers.stream()
                .filter(header -> header.name().equals(Samples.MASK) && header.rank() == 2)
                .findFirst();
        var shown = mask.isPresent() ? file.first(mask.get().name(), count) : null;
        var lines = new ArrayList<String>();
        for (var header : headers) {
            if (header.rows() == 0) {
                continue;
            }
            var rows = file.first(header.name(), count);
            for (int i = 0; i < rows.dim(0); i++) {
                var row = rows.rows(i, i + 1);
                lines.add("%s[%d]  %s"
                        .formatted(
                                header.name(),
                                i,
                                decode.isPresent() && holdsTokens(header)
                                        ? quoted(decode.get().apply(kept(row, shown, i)))
                                        : values(row)));
            }
        }
        return lines;
    }

    /** Whether an array numbers tokens: integers {@code [samples, tokens]}, called so. */
    static boolean holdsTokens(NpzArrays.Header header) {
        return header.rank() == 2
                && !header.type().isFloating()
                && !header.name().matches(".*(mask|type|position|segment).*");
    }

    private static long[] kept(Tensor row, Tensor mask, int sample) {
        var ids = row.toLongs();
        return mask == null || mask.dim(1) != ids.length || mask.dim(0) <= sample
                ? ids
                : IntStream.range(0, ids.length)
                        .filter(i -> mask.get(sample * ids.length + i) != 0)
                        .mapToLong(i -> ids[i])
                        .toArray();
    }

    private static String quoted(String text) {
        return '"' + text.replace("\n", "\\n") + '"';
    }

    private static String values(Tensor row) {
        return IntStream.range(0, Math.min(VALUES, row.size()))
                        .mapToObj(i -> Numbers.brief(row.get(i)))
                        .collect(Collectors.joining(" "))
                + (row.size() > VALUES ? " ..." : "");
    }
}
