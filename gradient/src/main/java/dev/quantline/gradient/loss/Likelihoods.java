package dev.quantline.gradient.loss;

import dev.quantline.gradient.emit.Emitter;
import dev.quantline.gradient.loss.Loss.CrossEntropy;
import dev.quantline.gradient.loss.Loss.Distillation;
import dev.quantline.gradient.loss.Loss.NextToken;
import dev.quantline.onnx.DataType;
import java.util.Map;

/** Losses on a softmax along the last axis. */
final class Likelihoods {
    private Likelihoods() {}

    static String crossEntropy(Emitter e, CrossEntropy loss) {
        String labels = e.input(loss.labels(), DataType.INT64, e.shapes().of(loss.logits())[0]);
        String logarithms = logSoftmax(e, loss.logits());
        String chosen = mean(e, pick(e, logarithms, labels));
        if (loss.smoothing() == 0) {
            return e.op("Neg", chosen);
        }
        String even = mean(e, logarithms);
        return e.op("Neg", e.add(e.times(chosen, 1 - loss.smoothing()), e.times(even, loss.smoothing())));
    }

    /** sum p (log p - log q) per row with constant p; mean over rows, times T^2. */
    static String distillation(Emitter e, Distillation loss) {
        String teacher =
                e.input(loss.teacher(), e.type(loss.logits()), e.shapes().of(loss.logits()));
        double sharpness = 1 / loss.temperature();
        String target = logSoftmax(e, e.times(teacher, sharpness));
        String student = logSoftmax(e, e.times(loss.logits(), sharpness));
        String divergence = e.mul(e.op("Exp", target), e.sub(target, student));
        String rows = e.op("ReduceSum", Map.of("keepdims", 0), divergence, e.ints(-1));
        return e.times(mean(e, rows), loss.temperature() * loss.temperature());
    }

    static String nextToken(Emitter e, NextToken loss) {
        String predicted = e.op("Slice", loss.logits(), e.ints(0), e.ints(-1), e.ints(1));
        String following = e.op("Slice", loss.tokens(), e.ints(1), e.ints(Long.MAX_VALUE), e.ints(1));
        return e.op("Neg", mean(e, pick(e, logSoftmax(e, predicted), e.cast(following, DataType.INT64))));
    }

    private static String logSoftmax(Emitter e, String logits) {
        return e.op("LogSoftmax", Map.of("axis", -1), logits);
    }

    /** The element of each row at its index. */
    private static String pick(Emitter e, String rows, String indices) {
        return e.op("GatherElements", Map.of("axis", -1), rows, e.op("Unsqueeze", indices, e.ints(-1)));
    }

    private static String mean(Emitter e, String a) {
        return e.op("ReduceMean", Map.of("keepdims", 0), a);
    }
}
