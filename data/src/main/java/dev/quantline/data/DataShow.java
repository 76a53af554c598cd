package dev.quantline.data;

import dev.quantline.onnx.Tensor;
import dev.quantline.runtime.NpzArrays;
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

    private DataShow() {
    }

    /** A table of the arrays: types, shapes, ranges. */
    public static List<String> arrays(NpzArrays file) throws IOException {
        var lines = new ArrayList<String>();
        lines.add(ROW.formatted("array", "type", "shape", "least", "most", "mean", "").stripTrailing());
        for (var header : file.list()) {
            var values = Statistics.of(file, header.name());
            boolean some = header.rows() > 0;
            lines.add(ROW.formatted(header.name(), header.type(), Arrays.toString(header.shape()),
                some ? Numbers.brief(values.least()) : "-", some ? Numbers.brief(values.most()) : "-",
                some ? Numbers.brief(values.mean()) : "-",
                values.notFinite() > 0 ? values.notFinite() + " values are NaN or infinite" : "").stripTrailing());
        }
        return lines;
    }

    /**
     * The first samples, array by array.
     *
     * @param count  samples
     * @param decode tokens as text, where a tokenizer is at hand: of arrays {@code [samples, tokens]} of token ids
     */
    public static List<String> samples(NpzArrays file, int count, Optional<Function<long[], String>> decode) throws IOException {
        var headers = file.list();
        var mask = headers.stream().filter(header -> header.name().equals("attention_mask") && header.rank() == 2).findFirst();
        var shown = mask.isPresent() ? file.first(mask.get().name(), count) : null;
        var lines = new ArrayList<String>();
        for (var header : headers) {
            if (header.rows() == 0) {
                continue;
            }
            var rows = file.first(header.name(), count);
            for (int i = 0; i < rows.dim(0); i++) {
                var row = rows.rows(i, i + 1);
                lines.add("%s[%d]  %s".formatted(header.name(), i, decode.isPresent() && holdsTokens(header)
                    ? quoted(decode.get().apply(kept(row, shown, i))) : values(row)));
            }
        }
        return lines;
    }

    /** Whether an array numbers tokens: integers {@code [samples, tokens]}, called so. */
    static boolean holdsTokens(NpzArrays.Header header) {
        return header.rank() == 2 && !header.type().isFloating() && !header.name().matches(".*(mask|type|position|segment).*");
    }

    private static long[] kept(Tensor row, Tensor mask, int sample) {
        var ids = row.toLongs();
        return mask == null || mask.dim(1) != ids.length || mask.dim(0) <= sample ? ids
            : IntStream.range(0, ids.length).filter(i -> mask.get(sample * ids.length + i) != 0).mapToLong(i -> ids[i]).toArray();
    }

    private static String quoted(String text) {
        return '"' + text.replace("\n", "\\n") + '"';
    }

    private static String values(Tensor row) {
        return IntStream.range(0, Math.min(VALUES, row.size())).mapToObj(i -> Numbers.brief(row.get(i)))
            .collect(Collectors.joining(" ")) + (row.size() > VALUES ? " ..." : "");
    }
}
