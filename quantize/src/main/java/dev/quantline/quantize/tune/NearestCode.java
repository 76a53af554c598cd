package dev.quantline.quantize.tune;

import dev.quantline.quantize.quantizer.Uniform;

/** Weights as steps from the zero point of their quantizer, and the codes nearest to them. */
final class NearestCode {
    /** A weight that is stored keeps this distance from where its code would change. */
    private static final float MARGIN = 0.498f;

    private NearestCode() {}

    /** A number of steps that has a code. */
    static float clamp(Uniform quantizer, float code, int c) {
        int z = quantizer.zeroPoint()[c];
        return Math.clamp(code, quantizer.qmin() - z, quantizer.qmax() - z);
    }

    /** A number of steps so near its code that no rounding error of a scale changes it; what is clipped goes to the edge. */
    static float held(Uniform quantizer, float steps, int c) {
        float code = clamp(quantizer, (float) Math.rint(steps), c);
        return code + Math.clamp(steps - code, -MARGIN, MARGIN);
    }
}
