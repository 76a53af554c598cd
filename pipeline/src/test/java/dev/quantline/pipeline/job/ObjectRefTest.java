package dev.quantline.pipeline.job;

import dev.quantline.onnx.BadInput;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class ObjectRefTest {
    @Test
    void aKeyThatS3WouldNotTakeIsRefusedBeforeItIsAskedFor() {
        var folder = new ObjectRef("bucket", "models/m.onnx");
        String longest = "d/".repeat(508) + "w";

        assertEquals(1024, folder.beside(longest).key().length());
        var refused = assertThrows(BadInput.class, () -> folder.beside("d/" + longest));
        assertTrue(refused.getMessage().startsWith("an object's key has at most 1024 bytes"), refused.getMessage());
        assertThrows(BadInput.class, () -> folder.beside("é".repeat(512)));
    }
}
