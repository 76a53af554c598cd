package dev.quantline.pipeline.store;

import dev.quantline.quantize.settings.Hashes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

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

    /** An item that stores a result early tells by its time of writing that it did not change; another item may need the same content. */
    @Test
    void whoTakesAContentDoesNotTouchTheFileThatItIsALinkTo(@TempDir Path folder) throws IOException {
        var cache = new ContentCache(folder.resolve("cache"), 1000);
        var result = Files.writeString(folder.resolve("model.onnx"), "content");
        Files.setLastModifiedTime(result, FileTime.from(Instant.parse("2026-01-02T03:04:05.678901234Z")));
        var written = Files.getLastModifiedTime(result);
        cache.keep(result, "hash");

        assertTrue(cache.take("hash", folder.resolve("taken")));

        assertEquals("content", Files.readString(folder.resolve("taken")));
        assertEquals(written, Files.getLastModifiedTime(result));
    }

    @Test
    void theLeastRecentlyUsedGoesFirst(@TempDir Path folder) throws IOException {
        var cache = new ContentCache(folder.resolve("cache"), 10);
        for (String name : List.of("first", "second")) {
            var file = Files.writeString(folder.resolve(name), "five!");
            Files.getFileAttributeView(file, BasicFileAttributeView.class)
                    .setTimes(null, FileTime.from(Instant.parse("2026-01-02T03:04:05Z")), null);
            cache.keep(file, name);
        }
        assertTrue(cache.take("first", folder.resolve("taken")));

        cache.keep(Files.writeString(folder.resolve("third"), "five!"), "third");

        assertTrue(cache.take("first", folder.resolve("again")));
        assertFalse(cache.take("second", folder.resolve("gone")));
        assertTrue(cache.take("third", folder.resolve("new")));
    }
}
