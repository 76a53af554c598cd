package dev.quantline.data.image;

import dev.quantline.onnx.BadInput;

/**
 * Resizes pictures exactly as PIL does: first along rows, then along columns, with kernels that widen as the picture shrinks,
 * fixed-point weights with 22 fractional bits, and 8 bits in between. So a network trained on PIL's pictures sees the same ones. Since
 * version 13, Pillow starts with columns if that is less work, and some bytes differ by 1.
 */
final class Resampler {
    private static final int FRACTION = 32 - 8 - 2;
    private static final int HALF = 1 << FRACTION - 1;

    /** Bytes of a picture on the way. */
    private static final long LARGEST = 1L << 30;

    private Resampler() {}

    /** Weights of the pixels that make one new pixel. */
    private record Kernel(int first, int[] weights) {}

    /** The picture at another size. */
    static Picture resize(PixelRows from, Size size, Filter filter) {
        if (filter == Filter.NEAREST) {
            return nearest(from, size);
        }
        int channels = from.channels();
        if ((long) size.width() * from.height() * channels > LARGEST
                || (long) size.width() * size.height() * channels > LARGEST) {
            throw new BadInput(
                    "a picture of %d x %d pixels cannot be made %s large".formatted(from.width(), from.height(), size));
        }
        var narrow = new byte[size.width() * from.height() * channels];
        var row = new byte[from.width() * channels];
        var columns = from.width() == size.width() ? null : kernels(from.width(), size.width(), filter);
        for (int y = 0; y < from.height(); y++) {
            from.row(y, row);
            int at = y * size.width() * channels;
            if (columns == null) {
                System.arraycopy(row, 0, narrow, at, row.length);
                continue;
            }
            for (var kernel : columns) {
                for (int c = 0; c < channels; c++) {
                    narrow[at++] = sum(row, kernel.first * channels + c, channels, kernel.weights);
                }
            }
        }
        return size.height() == from.height()
                ? new Picture(size.width(), size.height(), channels, narrow)
                : vertically(narrow, size.width() * channels, from.height(), size, filter, channels);
    }

    private static Picture vertically(byte[] narrow, int stride, int height, Size size, Filter filter, int channels) {
        var pixels = new byte[stride * size.height()];
        int at = 0;
        for (var kernel : kernels(height, size.height(), filter)) {
            for (int x = 0; x < stride; x++) {
                pixels[at++] = sum(narrow, kernel.first * stride + x, stride, kernel.weights);
            }
        }
        return new Picture(size.width(), size.height(), channels, pixels);
    }

    private static byte sum(byte[] pixels, int first, int step, int[] weights) {
        int sum = HALF;
        int at = first;
        for (int weight : weights) {
            sum += (pixels[at] & 0xff) * weight;
            at += step;
        }
        return (byte) Math.clamp(sum >> FRACTION, 0, 255);
    }

    private static Kernel[] kernels(int before, int after, Filter filter) {
        double scale = (double) before / after;
        double widened = Math.max(1, scale);
        double reach = filter.reach() * widened;
        // Multiplied by, as Pillow does: a quotient's last bit can be another, and with it a pixel.
        double narrowed = 1 / widened;
        var kernels = new Kernel[after];
        for (int i = 0; i < after; i++) {
            double centre = (i + .5) * scale;
            int first = Math.max(0, (int) (centre - reach + .5));
            int end = Math.min(before, (int) (centre + reach + .5));
            var weights = new double[end - first];
            double sum = 0;
            for (int x = 0; x < weights.length; x++) {
                weights[x] = filter.weight((x + first - centre + .5) * narrowed);
                sum += weights[x];
            }
            kernels[i] = new Kernel(first, fixed(weights, sum));
        }
        return kernels;
    }

    private static int[] fixed(double[] weights, double sum) {
        var fixed = new int[weights.length];
        for (int x = 0; x < fixed.length; x++) {
            double weight = (sum == 0 ? weights[x] : weights[x] / sum) * (1 << FRACTION);
            fixed[x] = (int) (weight < 0 ? weight - .5 : weight + .5);
        }
        return fixed;
    }

    private static Picture nearest(PixelRows from, Size size) {
        int channels = from.channels();
        var pixels = new byte[size.width() * size.height() * channels];
        var row = new byte[from.width() * channels];
        int at = 0;
        for (int y = 0; y < size.height(); y++) {
            from.row((int) ((y + .5) * from.height() / size.height()), row);
            for (int x = 0; x < size.width(); x++) {
                int source = (int) ((x + .5) * from.width() / size.width());
                System.arraycopy(row, source * channels, pixels, at, channels);
                at += channels;
            }
        }
        return new Picture(size.width(), size.height(), channels, pixels);
    }
}
