package dev.quantline.quantize.plan;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quantline.onnx.BadInput;
import java.io.CharConversionException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reads what one stage left as JSON for another. */
public final class StoredJson {
    private static final ObjectMapper JSON = new ObjectMapper();

    private StoredJson() {}

    /**
     * Reads a file.
     *
     * @param what what it should be, as messages say it: {@code a profile}
     * @throws BadInput    when it is something else, or no text
     * @throws IOException when the disk fails
     */
    public static <T> T read(Path file, Class<T> type, String what) throws IOException {
        try {
            var read = JSON.readValue(Files.readAllBytes(file), type);
            if (read == null) {
                throw new BadInput(file.getFileName() + " is not " + what + ": it is null");
            }
            return read;
        } catch (JsonProcessingException e) {
            throw new BadInput(file.getFileName() + " is not " + what + ": " + e.getOriginalMessage(), e);
        } catch (CharConversionException e) {
            throw new BadInput(file.getFileName() + " is not " + what + ": it is no text", e);
        }
    }
}
