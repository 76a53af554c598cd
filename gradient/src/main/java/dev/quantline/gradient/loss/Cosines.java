package dev.quantline.gradient.loss;

import dev.quantline.gradient.emit.Emitter;
import dev.quantline.gradient.loss.Loss.CosinePairs;
import dev.quantline.onnx.DataType;
import java.util.Map;

/** Losses on the directions of embeddings. */
final class Cosines {
    /** Keeps the cosine of a zero vector finite. */
    private static final double TINY = 1e-12;

    private Cosines() {}

    static String pairs(Emitter e, CosinePairs loss) {
        String rows = loss.mask() == null ? loss.embeddings() : pooled(e, loss.embeddings(), loss.mask());
        var shape = e.shapes().of(loss.embeddings());
        long pairs = shape[0] < 0 ? -1 : shape[0] / 2;
        String paired = e.reshape(rows, pairs, 2, shape[shape.length - 1]);
        String a = e.op("Gather", Map.of("axis", 1), paired, e.tensor(DataType.INT64, new double[] {0}));
        String b = e.op("Gather", Map.of("axis", 1), paired, e.tensor(DataType.INT64, new double[] {1}));
        String norms = e.op("Sqrt", e.plus(e.mul(dot(e, a, a), dot(e, b, b)), TINY));
        String cosine = e.div(dot(e, a, b), norms);
        String difference = e.sub(cosine, e.input(loss.scores(), e.type(cosine), pairs));
        return e.op("ReduceMean", Map.of("keepdims", 0), e.mul(difference, difference));
    }

    /** Mean over the tokens of the mask. */
    private static String pooled(Emitter e, String embeddings, String mask) {
        String weights = e.op("Unsqueeze", e.cast(mask, e.type(embeddings)), e.ints(-1));
        String sum = e.op("ReduceSum", Map.of("keepdims", 0), e.mul(embeddings, weights), e.ints(1));
        String count = e.op("ReduceSum", Map.of("keepdims", 0), weights, e.ints(1));
        return e.div(sum, count);
    }

    private static String dot(Emitter e, String a, String b) {
        return e.op("ReduceSum", Map.of("keepdims", 0), e.mul(a, b), e.ints(-1));
    }
}
