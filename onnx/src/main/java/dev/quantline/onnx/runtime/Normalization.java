package dev.quantline.onnx.runtime;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;

/**
 * How uint8 images become floats: {@code (value / 255 - mean[c]) / std[c]} for channel c of
 * {@code [batch, channels, height, width]}.
 *
 * @param mean one value per channel
 * @param std  one value per channel, each above 0
 */
public record Normalization(float[] mean, float[] std) {

    public Normalization {
        if (mean == null || std == null || mean.length == 0 || mean.length != std.length) {
            throw new BadInput("normalize: mean and std must each list one number per channel");
        }
        for (float value : std) {
            if (!(value > 0)) {
                throw new BadInput("normalize: std must be above 0, not " + value);
            }
        }
    }

    /**
     * Normalizes images.
     *
     * @param images UINT8 {@code [batch, channels, ...]}
     * @return FLOAT of the same shape
     * @throws BadInput if the type, the rank or the number of channels does not fit
     */
    public Tensor apply(Tensor images) {
        if (images.type() != DataType.UINT8 || images.rank() < 2 || images.dim(1) != mean.length) {
            throw new BadInput("normalize with " + mean.length + " channels needs uint8 images [batch, " + mean.length
                    + ", height, width], not " + images);
        }
        var result = Tensor.zeros(DataType.FLOAT, images.shape());
        var from = images.data();
        var to = result.floats();
        int plane = images.size() / Math.max(1, images.dim(0)) / mean.length;
        for (int i = 0; i < images.dim(0); i++) {
            for (int c = 0; c < mean.length; c++) {
                float scale = 1 / (255 * std[c]);
                float shift = mean[c] / std[c];
                for (int p = 0; p < plane; p++) {
                    to.put(Byte.toUnsignedInt(from.get()) * scale - shift);
                }
            }
        }
        return result;
    }
}
