package dev.quantline.quantize.workflow;

import dev.quantline.onnx.runtime.BatchSize;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Spilling;
import dev.quantline.quantize.profile.Profile;

/**
 * Computing resources of a step.
 *
 * @param batch    number of samples run at once; it follows from the profile, because kernels sum in an order that depends
 *                 on it
 * @param spilling how much of the activations kept for later stays in memory, and a folder for the rest
 */
public record Resources(Provider provider, int batch, Spilling spilling) {
    /** Largest number of samples run at once. */
    public static final int MOST = 16;

    /** Number of samples run at once after profiling: as many as fit according to the profile. */
    public static int batch(Profile profile) {
        return BatchSize.fitting(profile.bytesASample(), MOST);
    }
}
