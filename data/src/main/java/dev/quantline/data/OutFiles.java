package dev.quantline.data;

import dev.quantline.onnx.BadInput;
import java.nio.file.Path;

/**
 * The file that is written, and what lies beside it.
 *
 * @param npz ends with {@code .npz}
 */
public record OutFiles(Path npz) {
    private static final String ENDING = ".npz";

    public OutFiles {
        if (!npz.toString().endsWith(ENDING)) {
            throw new BadInput("--out " + npz + " must end with " + ENDING);
        }
    }

    /** {@code images.normalize.json} beside {@code images.npz}, for instance. */
    public Path beside(String ending) {
        var name = npz.getFileName().toString();
        return npz.resolveSibling(name.substring(0, name.length() - ENDING.length()) + "." + ending);
    }
}
