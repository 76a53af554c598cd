package dev.quantline.bench.tune;

import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Npz;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * Pictures of 64 x 64 for super-resolution networks, which have no data here: four CIFAR-10 images side by side, brightness from 0 to
 * 1. Arguments: the folder with {@code calibration.npz} and {@code validation.npz}, a folder to write the same into, the network's
 * input, and how many pictures each file gets.
 */
public final class Mosaics {
    private static final int CHANNELS = 3;
    private static final int IMAGE = 32;
    private static final int SIZE = 2 * IMAGE;
    private static final float WHITE = 255;

    private Mosaics() {}

    public static void main(String[] arguments) throws IOException {
        var target = Files.createDirectories(Path.of(arguments[1]));
        for (String file : new String[] {"calibration.npz", "validation.npz"}) {
            try (var images = Npz.open(Path.of(arguments[0]).resolve(file))) {
                int pictures = Integer.parseInt(arguments[3]);
                Npz.write(
                        target.resolve(file),
                        Map.of(arguments[2], mosaics(images.read("image").rows(0, 4 * pictures), pictures)));
            }
        }
    }

    /** {@code [4 pictures, 3, 32, 32]} uint8 to {@code [pictures, 3, 64, 64]} floats. */
    private static Tensor mosaics(Tensor images, int pictures) {
        var values = new float[pictures * CHANNELS * SIZE * SIZE];
        for (int i = 0; i < values.length; i++) {
            int x = i % SIZE;
            int y = i / SIZE % SIZE;
            int channel = i / (SIZE * SIZE) % CHANNELS;
            int image = i / (SIZE * SIZE * CHANNELS) * 4 + y / IMAGE * 2 + x / IMAGE;
            values[i] =
                    (float) images.get(((image * CHANNELS + channel) * IMAGE + y % IMAGE) * IMAGE + x % IMAGE) / WHITE;
        }
        return Tensor.of(values, pictures, CHANNELS, SIZE, SIZE);
    }
}
