package dev.quantline.data.image;

import dev.quantline.data.NormalizeFile;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.runtime.Normalization;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;

/** How bytes become floats, by names for what most networks were trained with. */
final class Scale {
    private Scale() {}

    /**
     * The normalisation that a name or a file says.
     *
     * @param text  {@code imagenet}, {@code half} (-1 to 1), {@code unit} (0 to 1), {@code bytes} (0 to 255), or a file for --normalize
     * @param array the array it is for; a file that names one array is taken whatever that is called
     */
    static Normalization of(String text, String array) throws IOException {
        return switch (text) {
            case "imagenet" -> new Normalization(new float[] {.485f, .456f, .406f}, new float[] {.229f, .224f, .225f});
            case "half" -> new Normalization(new float[] {.5f}, new float[] {.5f});
            case "unit" -> new Normalization(new float[] {0}, new float[] {1});
            case "bytes" -> new Normalization(new float[] {0}, new float[] {1 / 255f});
            default -> {
                var all = NormalizeFile.read(Path.of(text));
                yield Optional.ofNullable(all.get(array))
                        .or(() -> all.size() == 1 ? all.values().stream().findFirst() : Optional.empty())
                        .orElseThrow(() -> new BadInput(text + " has no entry for array '" + array + "'"));
            }
        };
    }

    /** One value for all channels becomes one for each. */
    static Normalization forChannels(Normalization given, int channels) {
        if (given.mean().length == channels) {
            return given;
        }
        if (given.mean().length != 1) {
            throw new BadInput("normalisation has " + given.mean().length + " values, but the model takes " + channels
                    + " channels");
        }
        return new Normalization(repeated(given.mean()[0], channels), repeated(given.std()[0], channels));
    }

    private static float[] repeated(float value, int times) {
        var values = new float[times];
        Arrays.fill(values, value);
        return values;
    }
}
