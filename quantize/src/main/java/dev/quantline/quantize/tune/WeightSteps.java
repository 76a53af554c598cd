package dev.quantline.quantize.tune;

import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.quantizer.Uniform;
import java.nio.FloatBuffer;

/** A trained weight in steps of its quantizer, at the start and during training, by the formulas of {@link TrainedWeightQuantizer}. */
final class WeightSteps {
    /** Stored weights lie within this distance, in steps, of the code that they round to. */
    private static final float MARGIN = 0.498f;
    /** Adding and subtracting it rounds any code to the nearest whole number, half to even; unlike Math.rint, this vectorizes. */
    private static final float WHOLE = 0x1.8p23f;

    final ScaleRuns runs;
    private final Uniform quantizer;
    private final float[] start;
    private final boolean learned;
    /** The lowest and the highest code in steps from the zero point: one per scale, or one per element if pairs are limited. */
    private final float[] least;

    private final float[] most;

    /** @param learned whether rounding is learned; otherwise weights are shifted */
    WeightSteps(Uniform quantizer, Tensor start, boolean learned) {
        this.quantizer = quantizer;
        this.start = start.toFloats();
        this.learned = learned;
        runs = ScaleRuns.of(quantizer.scaleIndex(start.shape()));
        var reaches = quantizer.pairLimit() > 0 ? quantizer.reaches(start) : new float[2][quantizer.scale().length];
        least = reaches[0];
        most = reaches[1];
        for (int c = 0; quantizer.pairLimit() == 0 && c < least.length; c++) {
            least[c] = quantizer.qmin() - quantizer.zeroPoint()[c];
            most[c] = quantizer.qmax() - quantizer.zeroPoint()[c];
        }
    }

    /** Clips a number of steps to the range of the codes. */
    static float clamp(Uniform quantizer, float code, int c) {
        int z = quantizer.zeroPoint()[c];
        return Math.clamp(code, quantizer.qmin() - z, quantizer.qmax() - z);
    }

    /** A number of steps so near its code that no rounding error of a scale changes it; clipped values go to the edge of the range. */
    static float held(Uniform quantizer, float steps, int c) {
        float code = clamp(quantizer, (float) Math.rint(steps), c);
        return code + Math.clamp(steps - code, -MARGIN, MARGIN);
    }

    /** The V for which h is the fraction of W / s0: training starts from the float weights. */
    float[] open() {
        var open = new float[start.length];
        for (int run = 0; run < runs.count(); run++) {
            for (int i = 0; i < runs.size(run); i++) {
                float exact = start[runs.from(run) + i] / quantizer.scale()[runs.scale(run, i)];
                open[runs.from(run) + i] = RectifiedSigmoid.inverse(exact - Math.floor(exact));
            }
        }
        return open;
    }

    /** What training computes with for every element, run by run, in arrays that stay in the cache. */
    final class Sweep {
        private final float[] scales;
        private final FloatBuffer moves;
        /** s0. */
        final float[] unit = new float[ScaleRuns.LONGEST];
        /** s. */
        final float[] scale = new float[ScaleRuns.LONGEST];

        private final float[] lowest = new float[ScaleRuns.LONGEST];
        private final float[] highest = new float[ScaleRuns.LONGEST];
        /** V. */
        final float[] move = new float[ScaleRuns.LONGEST];
        /** Steps from the zero point before rounding and clipping. */
        final float[] exact = new float[ScaleRuns.LONGEST];
        /** The same, clipped to the range of the codes. */
        final float[] kept = new float[ScaleRuns.LONGEST];

        /**
         * @param scales s, one for each scale of the quantizer
         * @param moves  V, in the shape of the weight; null if it does not move
         */
        Sweep(float[] scales, Tensor moves) {
            this.scales = scales;
            this.moves = moves == null ? null : moves.floats();
        }

        void to(int run) {
            int from = runs.from(run);
            int size = runs.size(run);
            runs.spread(run, quantizer.scale(), unit);
            runs.spread(run, scales, scale);
            if (quantizer.pairLimit() > 0) {
                System.arraycopy(least, from, lowest, 0, size);
                System.arraycopy(most, from, highest, 0, size);
            } else {
                runs.spread(run, least, lowest);
                runs.spread(run, most, highest);
            }
            if (moves != null) {
                moves.get(from, move, 0, size);
            }
            if (learned) {
                for (int i = 0; i < size; i++) {
                    exact[i] = (float) Math.floor(start[from + i] / unit[i]) + RectifiedSigmoid.h(move[i]);
                }
            } else {
                for (int i = 0; i < size; i++) {
                    exact[i] = (start[from + i] + unit[i] * move[i]) / scale[i];
                }
            }
            for (int i = 0; i < size; i++) {
                kept[i] = Math.max(lowest[i], Math.min(highest[i], exact[i]));
            }
        }

        /** Codes as steps from the zero point; learned rounding lies between two codes until it is decided. */
        void codes(int run, float[] codes) {
            if (learned) {
                System.arraycopy(kept, 0, codes, 0, runs.size(run));
            } else {
                for (int i = 0; i < runs.size(run); i++) {
                    codes[i] = kept[i] + WHOLE - WHOLE;
                }
            }
        }
    }
}
