package dev.quantline.quantize.evaluate;

import dev.quantline.onnx.Tensor;
import java.util.stream.IntStream;

/** Share of equal elements in outputs of integers or booleans, where near misses of a class or an index mean nothing. */
public final class Agreement implements Closeness {
    private long equal;
    private long seen;

    @Override
    public double[] measure(Tensor reference, Tensor other) {
        var one = reference.toLongs();
        var two = other.toLongs();
        long same = IntStream.range(0, Math.min(one.length, two.length))
                .filter(i -> one[i] == two[i])
                .count();
        return new double[] {same, Math.max(one.length, two.length)};
    }

    @Override
    public void count(double[] measured) {
        equal += (long) measured[0];
        seen += (long) measured[1];
    }

    /** Equal elements as a fraction of all; 1 if there are none. */
    public double share() {
        return seen == 0 ? 1 : (double) equal / seen;
    }
}
