package dev.quantline.embedded;

import java.net.URI;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

class DataFolderTest {
    @TempDir
    Path root;

    @Test
    void aStackStartsFromItsClaimUntilItSaysWhereItIs() throws Exception {
        // Given a folder of nobody's
        assertFalse(DataFolder.isStarting(root));
        // When it is claimed, its addresses are published, and it is freed
        var folder = DataFolder.claim(root);
        var addresses = new StackAddresses("localhost:9092", URI.create("http://localhost:9000"), folder.keys());
        // Then a stack starts there, runs there, and is gone
        assertTrue(DataFolder.isStarting(root) && DataFolder.running(root).isEmpty());
        folder.publish(addresses);
        assertFalse(DataFolder.isStarting(root));
        assertEquals(Optional.of(addresses), DataFolder.running(root));
        folder.close();
        assertFalse(DataFolder.isStarting(root) || DataFolder.running(root).isPresent());
    }
}
