package dev.quantline.data.image;

import dev.quantline.data.Subset;
import java.nio.file.Path;
import java.util.Optional;

/**
 * How pictures are to be made into arrays; what is empty is found or has a default.
 *
 * @param input        the model's input
 * @param layout       {@code nchw} or {@code nhwc}
 * @param channels     order of the channels
 * @param size         size of the pictures that the model gets
 * @param shorterSide  pixels of the shorter side before the middle is taken
 * @param fit          how pictures of other proportions are treated
 * @param filter       how they are resized
 * @param fill         value of what lies beyond a picture
 * @param preprocessor a {@code preprocessor_config.json}
 * @param normalize    a name of {@link Scale} or a file
 * @param floats       whether arrays of normalised floats are wanted where bytes would do
 * @param paths        column of a table
 * @param labels       column of a table
 * @param classes      a file with the model's classes
 * @param subset       which pictures are taken
 * @param skipBroken   whether broken ones are left out
 * @param mostPixels   larger ones are refused
 */
public record ImageSettings(
        Optional<String> input,
        Optional<String> layout,
        Optional<Channels> channels,
        Optional<Size> size,
        Optional<Integer> shorterSide,
        Optional<Shape> fit,
        Optional<Filter> filter,
        int fill,
        Optional<Path> preprocessor,
        Optional<String> normalize,
        boolean floats,
        Optional<String> paths,
        Optional<String> labels,
        Optional<Path> classes,
        Subset subset,
        boolean skipBroken,
        long mostPixels) {
    /** As many as PIL takes without a warning, rounded up. */
    public static final long MOST_PIXELS = 100_000_000;

    /** Order of the channels. */
    public enum Channels {
        RGB,
        BGR,
        GRAY
    }

    /** How to fit pictures whose proportions differ from the model's: crop the sides, distort, or pad. */
    public enum Shape {
        CROP,
        STRETCH,
        PAD
    }

    /** Everything found or by default. */
    public static ImageSettings plain() {
        return new ImageSettings(
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                0,
                Optional.empty(),
                Optional.empty(),
                false,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                new Subset(0, 0),
                false,
                MOST_PIXELS);
    }

    PictureList.Columns columns() {
        return new PictureList.Columns(paths, labels);
    }
}
