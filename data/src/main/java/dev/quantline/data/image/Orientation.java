package dev.quantline.data.image;

import com.drew.imaging.ImageMetadataReader;
import com.drew.imaging.ImageProcessingException;
import com.drew.metadata.Metadata;
import com.drew.metadata.exif.ExifIFD0Directory;
import com.drew.metadata.xmp.XmpDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * How a camera was held: where the lines of the upright picture lie in the stored one. The eight values of Exif's tag 0x0112, as Pillow's
 * {@code ImageOps.exif_transpose} takes them.
 *
 * @param turned    whether lines are the stored columns
 * @param reversed  whether the first line is the stored picture's last row or column
 * @param backwards whether pixels of a line are stored last to first
 */
record Orientation(boolean turned, boolean reversed, boolean backwards) {
    static final Orientation UPRIGHT = new Orientation(false, false, false);

    /** What a file notes in Exif, else in XMP; upright where it notes nothing, or nothing that is known. */
    static Orientation of(Path file) throws IOException {
        try (var in = Files.newInputStream(file)) {
            var metadata = ImageMetadataReader.readMetadata(in);
            return numbered(exif(metadata).or(() -> xmp(metadata)).orElse(1));
        } catch (ImageProcessingException | RuntimeException broken) {
            // Pixels may be whole where notes are not; of a file that is no picture the decoder says so.
            return UPRIGHT;
        }
    }

    private static Optional<Integer> exif(Metadata metadata) {
        return metadata.getDirectoriesOfType(ExifIFD0Directory.class).stream()
                .map(exif -> exif.getInteger(ExifIFD0Directory.TAG_ORIENTATION))
                .filter(value -> value != null)
                .findFirst();
    }

    private static Optional<Integer> xmp(Metadata metadata) {
        return metadata.getDirectoriesOfType(XmpDirectory.class).stream()
                .map(xmp -> xmp.getXmpProperties().get("tiff:Orientation"))
                .filter(value -> value != null && value.matches("\\d"))
                .map(Integer::valueOf)
                .findFirst();
    }

    private static Orientation numbered(int value) {
        return switch (value) {
            case 2 -> new Orientation(false, false, true);
            case 3 -> new Orientation(false, true, true);
            case 4 -> new Orientation(false, true, false);
            case 5 -> new Orientation(true, false, false);
            case 6 -> new Orientation(true, false, true);
            case 7 -> new Orientation(true, true, true);
            case 8 -> new Orientation(true, true, false);
            default -> UPRIGHT;
        };
    }
}
