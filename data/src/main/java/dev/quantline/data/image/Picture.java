package dev.quantline.data.image;

import java.util.Arrays;

/**
 * Pixels of 8 bits.
 *
 * @param width    columns
 * @param height   rows
 * @param channels 1, or 3 in the order red, green, blue
 * @param pixels   {@code [height, width, channels]}
 */
record Picture(int width, int height, int channels, byte[] pixels) implements PixelRows {
    @Override
    public void row(int y, byte[] to) {
        System.arraycopy(pixels, y * width * channels, to, 0, width * channels);
    }

    /** The part in the middle; what reaches beyond the picture is filled. */
    Picture middle(Size size, int fill) {
        int left = Math.floorDiv(width - size.width(), 2);
        int top = Math.floorDiv(height - size.height(), 2);
        var part = new byte[size.width() * size.height() * channels];
        Arrays.fill(part, (byte) fill);
        int from = Math.max(0, left);
        int columns = Math.min(width, left + size.width()) - from;
        for (int y = Math.max(0, top); y < Math.min(height, top + size.height()); y++) {
            System.arraycopy(
                    pixels,
                    (y * width + from) * channels,
                    part,
                    ((y - top) * size.width() + from - left) * channels,
                    columns * channels);
        }
        return new Picture(size.width(), size.height(), channels, part);
    }
}
