package dev.quantline.data.image;

import dev.quantline.onnx.BadInput;
import java.awt.image.BufferedImage;
import java.awt.image.IndexColorModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.function.Function;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;

/**
 * Reads PNG, JPEG and WebP files as PIL's {@code exif_transpose} and {@code convert} do: applies the camera's orientation, drops
 * transparency, ignores colour profiles, and repeats grey or computes it from red, green and blue by ITU-R 601. Any number of threads
 * may read at once; a thread waits if all of them together would hold more pixels than one picture may have.
 */
final class PictureReader {
    private static final Set<String> FORMATS = Set.of("png", "jpeg", "jpg", "webp");

    static {
        ImageIO.setUseCache(false);
    }

    private final int channels;
    private final long mostPixels;
    private final int most;
    private final Semaphore room;

    /**
     * A reader.
     *
     * @param channels   1 or 3
     * @param mostPixels larger pictures are refused before anything is unpacked
     */
    PictureReader(int channels, long mostPixels) {
        this.channels = channels;
        this.mostPixels = mostPixels;
        most = (int) Math.clamp(mostPixels, ImageSettings.MOST_PIXELS, Integer.MAX_VALUE);
        room = new Semaphore(most, true);
    }

    /**
     * Reads a file.
     *
     * @param use what to make of the pixels, which are not to be kept
     * @throws BadInput naming the file when it is no picture, a broken or too large one
     */
    <T> T read(Path file, Function<PixelRows, T> use) throws IOException {
        try (var in = ImageIO.createImageInputStream(file.toFile())) {
            if (in == null) {
                throw new BadInput(file + ": no such file, or it cannot be read");
            }
            var readers = ImageIO.getImageReaders(in);
            while (readers.hasNext()) {
                var reader = readers.next();
                if (FORMATS.contains(reader.getFormatName().toLowerCase(Locale.ROOT))) {
                    reader.setInput(in, true, true);
                    try {
                        return read(file, reader, use);
                    } finally {
                        reader.dispose();
                    }
                }
            }
            throw new BadInput(file + " is not a PNG, JPEG or WebP picture");
        }
    }

    private <T> T read(Path file, ImageReader reader, Function<PixelRows, T> use) throws IOException {
        int pixels = pixels(file, reader);
        room.acquireUninterruptibly(pixels);
        try {
            return use.apply(new Pixels(decoded(file, reader), Orientation.of(file), channels));
        } finally {
            room.release(pixels);
        }
    }

    /** As many as its header says, or as count at most. */
    private int pixels(Path file, ImageReader reader) {
        try {
            long width = reader.getWidth(0);
            long height = reader.getHeight(0);
            if (width * height > mostPixels) {
                throw new BadInput("%s has %d x %d pixels, more than the limit of %d: --max-pixels raises it"
                        .formatted(file, width, height, mostPixels));
            }
            return (int) Math.min(width * height, most);
        } catch (BadInput bad) {
            throw bad;
        } catch (IOException | RuntimeException broken) {
            throw broken(file, broken);
        }
    }

    private static BufferedImage decoded(Path file, ImageReader reader) {
        var warnings = new ArrayList<String>();
        try {
            reader.addIIOReadWarningListener((_, warning) -> warnings.add(warning));
            var picture = reader.read(0);
            cut(warnings).ifPresent(warning -> {
                throw new BadInput(file + " is broken: " + warning);
            });
            return picture;
        } catch (BadInput bad) {
            throw bad;
        } catch (IOException | RuntimeException broken) {
            throw broken(file, broken);
        }
    }

    private static BadInput broken(Path file, Exception broken) {
        return new BadInput(
                "%s is broken: %s"
                        .formatted(
                                file,
                                broken.getMessage() == null
                                        ? broken.getClass().getSimpleName()
                                        : broken.getMessage()
                                                .lines()
                                                .findFirst()
                                                .orElse("")),
                broken);
    }

    /** A file that ends early is filled up with grey, and only warned of. */
    private static Optional<String> cut(List<String> warnings) {
        return warnings.stream()
                .filter(warning -> warning.toLowerCase(Locale.ROOT).contains("premature end"))
                .findFirst();
    }

    /** A decoded picture, upright, in as many channels as are wanted. */
    private record Pixels(BufferedImage picture, Orientation orientation, int channels) implements PixelRows {
        private static final int RED = 19595;
        private static final int GREEN = 38470;
        private static final int BLUE = 7471;

        @Override
        public int width() {
            return orientation.turned() ? picture.getHeight() : picture.getWidth();
        }

        @Override
        public int height() {
            return orientation.turned() ? picture.getWidth() : picture.getHeight();
        }

        @Override
        public void row(int y, byte[] to) {
            int width = width();
            int line = orientation.reversed() ? height() - 1 - y : y;
            int left = orientation.turned() ? line : 0;
            int top = orientation.turned() ? 0 : line;
            int columns = orientation.turned() ? 1 : width;
            int rows = orientation.turned() ? width : 1;
            if (picture.getColorModel() instanceof IndexColorModel) {
                var colours = picture.getRGB(left, top, columns, rows, null, 0, columns);
                for (int x = 0; x < width; x++) {
                    put(to, x, colours[x] >> 16 & 0xff, colours[x] >> 8 & 0xff, colours[x] & 0xff);
                }
                return;
            }
            // The raster has what the file has; getRGB would convert profiles, and take grey for linear light.
            var raster = picture.getRaster();
            int bands = raster.getNumBands();
            int shift = Math.max(0, raster.getSampleModel().getSampleSize(0) - 8);
            var pixels = raster.getPixels(raster.getMinX() + left, raster.getMinY() + top, columns, rows, (int[]) null);
            for (int x = 0; x < width; x++) {
                int at = x * bands;
                if (bands < 3) {
                    put(to, x, pixels[at] >> shift, pixels[at] >> shift, pixels[at] >> shift);
                } else {
                    put(to, x, pixels[at] >> shift, pixels[at + 1] >> shift, pixels[at + 2] >> shift);
                }
            }
        }

        private void put(byte[] to, int stored, int red, int green, int blue) {
            int x = orientation.backwards() ? width() - 1 - stored : stored;
            if (channels == 1) {
                to[x] = (byte)
                        (red == green && green == blue ? red : red * RED + green * GREEN + blue * BLUE + 0x8000 >> 16);
                return;
            }
            to[x * 3] = (byte) red;
            to[x * 3 + 1] = (byte) green;
            to[x * 3 + 2] = (byte) blue;
        }
    }
}
