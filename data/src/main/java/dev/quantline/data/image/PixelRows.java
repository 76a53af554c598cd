package dev.quantline.data.image;

/** Pixels that are looked at row by row: large pictures are not copied before they are made smaller. */
interface PixelRows {
    int width();

    int height();

    int channels();

    /** Copies a row, {@code [width, channels]}. */
    void row(int y, byte[] to);
}
