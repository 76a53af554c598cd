package dev.quantline.quantize.plan;

import dev.quantline.onnx.BadInput;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

class StoredJsonTest {
    @TempDir
    private Path folder;

    private String refusal(String content) throws IOException {
        var file = Files.writeString(folder.resolve("list.json"), content, StandardCharsets.ISO_8859_1);
        return assertThrows(BadInput.class, () -> StoredJson.read(file, List.class, "a list"))
                .getMessage();
    }

    @Test
    void whatIsThereIsRead() throws IOException {
        var file = Files.writeString(folder.resolve("list.json"), "[1, 2]");

        assertEquals(List.of(1, 2), StoredJson.read(file, List.class, "a list"));
    }

    @Test
    void anythingElseIsRefusedByTheNameOfTheFile() throws IOException {
        assertEquals("list.json is not a list: it is null", refusal("null"));
        assertEquals("list.json is not a list: it is no text", refusal("\0\0{\0"));
        for (String other : List.of("", "{}", "[1", "[\"\u00fc\"]")) {
            assertEquals("list.json is not a list: ", refusal(other).substring(0, 25));
        }
    }
}
