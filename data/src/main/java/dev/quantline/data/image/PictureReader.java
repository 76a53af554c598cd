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
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;

/**
 * Reads PNG, JPEG and WebP files as PIL's {@code convert} does: transparency is dropped, colour profiles and the orientation that a
 * camera noted are not applied, grey is repeated or made of red, green and blue by ITU-R 601.
 *
 * @param channels  1 or 3
 * @param mostPixels larger pictures are refused before anything is unpacked
 */
record PictureReader(int channels, long mostPixels) {
    private static final Set<String> FORMATS = Set.of("png", "jpeg", "jpg", "webp");

    static {
        ImageIO.setUseCache(false);
    }

    /**
     * Reads a file.
     *
     * @throws BadInput naming the file when it is no picture, a broken or too large one
     */
    PixelRows read(Path file) throws IOException {
        try (var in = ImageIO.createImageInputStream(file.toFile())) {
            if (in == null) {
                throw new BadInput(file + ": no such file, or it cannot be read");
            }
            var readers = ImageIO.getImageReaders(in);
            while (readers.hasNext()) {
                var reader = readers.next();
                if (FORMATS.contains(reader.getFormatName().toLowerCase(Locale.ROOT))) {
                    reader.setInput(in, true, true);
                    return read(file, reader);
                }
            }
            throw new BadInput(file + " is no PNG, JPEG or WebP picture");
        }
    }

    private PixelRows read(Path file, ImageReader reader) throws IOException {
        var warnings = new ArrayList<String>();
        try {
            long width = reader.getWidth(0);
            long height = reader.getHeight(0);
            if (width * height > mostPixels) {
                throw new BadInput("%s has %d x %d pixels, more than the limit of %d: --max-pixels raises it".formatted(file, width,
                    height, mostPixels));
            }
            reader.addIIOReadWarningListener((_, warning) -> warnings.add(warning));
            var picture = reader.read(0);
            cut(warnings).ifPresent(warning -> {
                throw new BadInput(file + " is broken: " + warning);
            });
            return new Pixels(picture, channels);
        } catch (BadInput bad) {
            throw bad;
        } catch (IOException | RuntimeException broken) {
            throw new BadInput("%s is broken: %s".formatted(file, broken.getMessage() == null ? broken.getClass().getSimpleName()
                : broken.getMessage().lines().findFirst().orElse("")), broken);
        } finally {
            reader.dispose();
        }
    }

    /** A file that ends early is filled up with grey, and only warned of. */
    private static Optional<String> cut(List<String> warnings) {
        return warnings.stream().filter(warning -> warning.toLowerCase(Locale.ROOT).contains("premature end")).findFirst();
    }

    /** A decoded picture in as many channels as are wanted. */
    private record Pixels(BufferedImage picture, int channels) implements PixelRows {
        private static final int RED = 19595;
        private static final int GREEN = 38470;
        private static final int BLUE = 7471;

        @Override
        public int width() {
            return picture.getWidth();
        }

        @Override
        public int height() {
            return picture.getHeight();
        }

        @Override
        public void row(int y, byte[] to) {
            int width = picture.getWidth();
            if (picture.getColorModel() instanceof IndexColorModel) {
                var colours = picture.getRGB(0, y, width, 1, null, 0, width);
                for (int x = 0; x < width; x++) {
                    put(to, x, colours[x] >> 16 & 0xff, colours[x] >> 8 & 0xff, colours[x] & 0xff);
                }
                return;
            }
            // The raster has what the file has; getRGB would convert profiles, and take grey for linear light.
            var raster = picture.getRaster();
            int bands = raster.getNumBands();
            int shift = Math.max(0, raster.getSampleModel().getSampleSize(0) - 8);
            var row = raster.getPixels(raster.getMinX(), raster.getMinY() + y, width, 1, (int[]) null);
            for (int x = 0; x < width; x++) {
                int at = x * bands;
                if (bands < 3) {
                    put(to, x, row[at] >> shift, row[at] >> shift, row[at] >> shift);
                } else {
                    put(to, x, row[at] >> shift, row[at + 1] >> shift, row[at + 2] >> shift);
                }
            }
        }

        private void put(byte[] to, int x, int red, int green, int blue) {
            if (channels == 1) {
                to[x] = (byte) (red == green && green == blue ? red : red * RED + green * GREEN + blue * BLUE + 0x8000 >> 16);
                return;
            }
            to[x * 3] = (byte) red;
            to[x * 3 + 1] = (byte) green;
            to[x * 3 + 2] = (byte) blue;
        }
    }
}
