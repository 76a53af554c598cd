package dev.quantline.pipeline.store;

import dev.quantline.quantize.settings.Hashes;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;

class ContentCacheTest {
    @Test
    void halfANoteOfAKilledProcessIsNotBelieved(@TempDir Path folder) throws IOException {
        var cache = new ContentCache(folder, 1000);
        var hash = Hashes.of("content".getBytes());
        cache.name("whole", hash);
        cache.name("half", hash.substring(0, 10));
        cache.name("nothing", "");

        assertEquals(Optional.of(hash), cache.hashOf("whole"));
        assertEquals(Optional.empty(), cache.hashOf("half"));
        assertEquals(Optional.empty(), cache.hashOf("nothing"));
    }
}
