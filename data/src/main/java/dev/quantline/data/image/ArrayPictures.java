package dev.quantline.data.image;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.NpzArrays;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.ImageIO;

/** Writes arrays as PNG files, to show people what a model sees. */
public final class ArrayPictures {
    private static final int BYTE = 255;

    private ArrayPictures() {}

    /** Whether an array can be pictures: four axes, one or three channels behind the samples or last. */
    private static boolean isPictures(NpzArrays.Header header) {
        return header.rank() == 4 && (isChannels(header.shape()[1]) || isChannels(header.shape()[3]));
    }

    private static boolean isChannels(long size) {
        return size == 1 || size == 3;
    }

    /**
     * Writes the first samples of every array of pictures as {@code ARRAY-NUMBER.png}; floats from the sample's smallest value, black,
     * to its largest, white.
     *
     * @return the files
     */
    public static List<Path> write(NpzArrays file, int count, Path folder) throws IOException {
        var written = new ArrayList<Path>();
        for (var header : file.list()) {
            if (isPictures(header) && header.rows() > 0) {
                Files.createDirectories(folder);
                var rows = file.first(header.name(), count);
                for (int i = 0; i < rows.dim(0); i++) {
                    var target =
                            folder.resolve("%s-%04d.png".formatted(header.name().replaceAll("[^\\w.-]", "_"), i));
                    ImageIO.write(picture(rows.rows(i, i + 1)), "png", target.toFile());
                    written.add(target);
                }
            }
        }
        return written;
    }

    private static BufferedImage picture(Tensor sample) {
        boolean last = !isChannels(sample.dim(1));
        int channels = sample.dim(last ? 3 : 1);
        int height = sample.dim(last ? 1 : 2);
        int width = sample.dim(last ? 2 : 3);
        double low = 0;
        double high = BYTE;
        if (sample.type() != DataType.UINT8) {
            low = Double.POSITIVE_INFINITY;
            high = Double.NEGATIVE_INFINITY;
            for (int i = 0; i < sample.size(); i++) {
                low = Math.min(low, sample.get(i));
                high = Math.max(high, sample.get(i));
            }
        }
        var picture = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                int rgb = 0;
                for (int c = 0; c < 3; c++) {
                    int channel = Math.min(c, channels - 1);
                    int at = last ? (y * width + x) * channels + channel : (channel * height + y) * width + x;
                    rgb = rgb << 8
                            | (int) Math.clamp(
                                    Math.round((sample.get(at) - low) / Math.max(high - low, 1e-30) * BYTE), 0, BYTE);
                }
                picture.setRGB(x, y, rgb);
            }
        }
        return picture;
    }
}
