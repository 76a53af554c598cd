package dev.quantline.embedded;

import java.net.URI;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class DataFolderTest {
    @TempDir
    Path root;

    @Test
    void aStackStartsFromItsFirstClaimUntilBothServersSayWhereTheyAre() throws Exception {
        // Given a folder of nobody's
        assertFalse(DataFolder.isStarting(root));
        // When both servers claim their parts, publish their addresses, and one frees its part
        var broker = DataFolder.claim(root, DataFolder.BROKER);
        assertTrue(DataFolder.isStarting(root));
        var store = DataFolder.claim(root, DataFolder.STORE);
        broker.publish("localhost:9092");
        // Then a stack starts there, runs there, and is gone
        assertTrue(DataFolder.isStarting(root) && DataFolder.running(root).isEmpty());
        store.publish("http://localhost:9000");
        assertFalse(DataFolder.isStarting(root));
        assertEquals(
                Optional.of(new StackAddresses("localhost:9092", URI.create("http://localhost:9000"), store.keys())),
                DataFolder.running(root));
        store.close();
        assertFalse(DataFolder.isStarting(root) || DataFolder.running(root).isPresent());
        broker.close();
    }

    @Test
    void eachPartIsHeldOnce() throws Exception {
        // Given a folder whose broker runs
        try (var _ = DataFolder.claim(root, DataFolder.BROKER);
                var first = DataFolder.claimNext(root, "tuner")) {
            // When a second one is to run there, then it is refused by its name
            var refusal = assertThrows(FolderInUse.class, () -> DataFolder.claim(root, DataFolder.BROKER));
            assertTrue(refusal.getMessage().contains("its broker"), refusal.getMessage());
            // And services of one kind get numbers, the lowest that is free
            var second = DataFolder.claimNext(root, "tuner");
            assertEquals("tuner-1 tuner-2", first.part() + " " + second.part());
            second.close();
            try (var third = DataFolder.claimNext(root, "tuner")) {
                assertEquals("tuner-2", third.part());
            }
        }
    }
}
