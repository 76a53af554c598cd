package dev.quantline.quantize.workflow;

import dev.quantline.onnx.runtime.BatchSize;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Spilling;
import dev.quantline.quantize.profile.Profile;

/**
 * What a step computes with.
 *
 * @param batch    samples run at once; kernels add up batches of different sizes in different order, so it is the profile's
 * @param spilling how much of the activations kept for later stays in memory, and a folder for the rest
 */
public record Resources(Provider provider, int batch, Spilling spilling) {
    /** Samples run at once at most. */
    public static final int MOST = 16;

    /** Samples that are run at once after profiling: as many as were found to fit. */
    public static int batch(Profile profile) {
        return BatchSize.fitting(profile.bytesASample(), MOST);
    }
}
