package dev.quantline.quantize.evaluate;

import dev.quantline.onnx.Tensor;

/** Share of equal elements in outputs of integers or booleans, where near misses of a class or an index mean nothing. */
public final class Agreement implements Closeness {
    private long equal;
    private long seen;

    @Override
    public void add(Tensor reference, Tensor other) {
        var one = reference.toLongs();
        var two = other.toLongs();
        for (int i = 0; i < Math.min(one.length, two.length); i++) {
            equal += one[i] == two[i] ? 1 : 0;
        }
        seen += Math.max(one.length, two.length);
    }

    /** Equal elements as a fraction of all; 1 if there are none. */
    public double share() {
        return seen == 0 ? 1 : (double) equal / seen;
    }
}
