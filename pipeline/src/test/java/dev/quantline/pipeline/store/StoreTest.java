package dev.quantline.pipeline.store;

import dev.quantline.onnx.BadInput;
import dev.quantline.pipeline.job.ObjectRef;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class StoreTest {
    private static final long LIMIT = 40L << 20;

    @TempDir
    static Path folder;

    private static RealStore real;
    private static Store store;

    @BeforeAll
    static void start() throws IOException {
        real = RealStore.start(folder, LIMIT);
        store = real.store();
    }

    @AfterAll
    static void stop() {
        real.close();
    }

    @Test
    void aFileOfSeveralPartsComesBackFromTheStoreOnceAndThenFromTheCache() throws IOException {
        var file = file("large", 33 << 20, 1);
        var other = new Store(settings(real.stack().addresses().s3Endpoint(), "other-cache"));
        var moved = new AtomicLong();

        var stored = store.put("inputs/large.bin", file);
        var first = other.fetch(stored.ref(), folder.resolve("first"), moved::addAndGet);
        var second = other.fetch(stored.ref(), folder.resolve("second"), moved::addAndGet);
        other.close();

        assertEquals(stored, first);
        assertEquals(stored, second);
        assertEquals(33L << 20, moved.get());
        assertEquals(-1, Files.mismatch(file, folder.resolve("second")));
    }

    @Test
    void anObjectIsKnownAgainWhenItsStoreHasAnotherAddress() throws IOException {
        var moved = new AtomicLong();
        var address = real.stack().addresses().s3Endpoint();
        var stored = store.put("inputs/known.bin", file("known", 1000, 7));
        for (var host : List.of("127.0.0.1", "localhost")) {
            try (var there =
                    new Store(settings(URI.create("http://" + host + ":" + address.getPort()), "known-cache"))) {
                there.fetch(stored.ref(), folder.resolve("known-at-" + host), moved::addAndGet);
            }
        }

        assertEquals(1000, moved.get());
        assertEquals(-1, Files.mismatch(folder.resolve("known"), folder.resolve("known-at-localhost")));
    }

    @Test
    void aResultIsNamedByItsContentAndNeverFetchedByTheOneWhoMadeIt() throws IOException {
        var moved = new AtomicLong();

        var one = store.putContent("jobs/a/result/", "x", file("one.bin", 1000, 5));
        var two = store.putContent("jobs/a/result/", "x", file("two.bin", 1000, 6));
        store.fetch(two, folder.resolve("mine"), moved::addAndGet);

        assertFalse(one.ref().equals(two.ref()));
        assertEquals(one, store.putContent("jobs/a/result/", "x", folder.resolve("one.bin")));
        assertEquals(0, moved.get());
        assertEquals(-1, Files.mismatch(folder.resolve("two.bin"), folder.resolve("mine")));
    }

    @Test
    void whatIsLeftOfAnUploadThatWasCutIsReplaced() throws IOException {
        var file = file("cut.bin", 1000, 7);
        var key = store.putContent("jobs/a/cut/", "x", file).ref().key();
        store.write(key, Arrays.copyOf(Files.readAllBytes(file), 500));

        store.putContent("jobs/a/cut/", "x", file);

        assertArrayEquals(Files.readAllBytes(file), store.read(key).orElseThrow());
    }

    @Test
    void whatIsNotWholeAnyMoreIsNotCopied() throws IOException {
        var content = Files.readAllBytes(file("whole", 1000, 8));
        var stored = store.putContent("jobs/a/copied/", "x", folder.resolve("whole"));
        store.copy(stored, "jobs/a/good");
        for (var damaged : List.of(Arrays.copyOf(content, 500), new byte[1000])) {
            store.write(stored.ref().key(), damaged);

            var refusal = assertThrows(BadInput.class, () -> store.copy(stored, "jobs/a/bad"));

            assertTrue(refusal.getMessage().startsWith(stored.ref() + " was replaced"), refusal.getMessage());
        }

        assertArrayEquals(content, store.read("jobs/a/good").orElseThrow());
        assertFalse(store.exists("jobs/a/bad"));
    }

    @Test
    void ofTwoCreatorsOneWins() {
        assertTrue(store.create("jobs/a/once.json", "1".getBytes()));
        assertFalse(store.create("jobs/a/once.json", "2".getBytes()));
        assertArrayEquals("1".getBytes(), store.read("jobs/a/once.json").orElseThrow());
    }

    @Test
    void aReplacedObjectIsNoticed() throws IOException {
        var before = store.put("inputs/changing", file("before", 100, 2));
        var other = new Store(settings(real.stack().addresses().s3Endpoint(), "third-cache"));
        store.put("inputs/changing", file("after", 100, 3));

        var refusal = assertThrows(BadInput.class, () -> other.fetch(before, folder.resolve("x"), _ -> {}));
        other.close();

        assertTrue(refusal.getMessage().contains("inputs/changing was replaced"));
        assertFalse(before.sha256()
                .equals(store.fetch(before.ref(), folder.resolve("y"), _ -> {}).sha256()));
    }

    @Test
    void aPrefixStandsForItsNpzFilesInOrder() {
        for (var name : List.of("b.npz", "a.npz", "notes.txt", "deeper/c.npz")) {
            store.write("inputs/many/" + name, name.getBytes());
        }

        assertEquals(
                List.of(store.ref("inputs/many/a.npz"), store.ref("inputs/many/b.npz")),
                store.resolve(store.ref("inputs/many")));
        assertEquals(store.resolve(store.ref("inputs/many")), store.resolve(store.ref("inputs/many/")));
        assertEquals(List.of("a.npz", "b.npz", "deeper/", "notes.txt"), store.children("inputs/many/"));
        assertEquals(List.of(store.ref("inputs/many/a.npz")), store.resolve(store.ref("inputs/many/a.npz")));
    }

    @Test
    void whatIsMissingOrTooLargeIsNamed() throws IOException {
        store.put("inputs/huge", file("huge", 41 << 20, 4));
        var target = folder.resolve("never");

        assertEquals(
                "no such object: s3://quantline/none",
                assertThrows(BadInput.class, () -> store.fetch(store.ref("none"), target, _ -> {}))
                        .getMessage());
        assertThrows(BadInput.class, () -> store.resolve(new ObjectRef("elsewhere", "none")));
        assertTrue(assertThrows(BadInput.class, () -> store.fetch(store.ref("inputs/huge"), target, _ -> {}))
                .getMessage()
                .contains("more than the limit"));
        assertFalse(store.exists("none"));
        assertTrue(store.read("none").isEmpty());
    }

    @Test
    void anUnreachableStoreIsNamed() {
        var nowhere = new Store(settings(URI.create("http://127.0.0.1:1"), "cache"));

        var failure = assertThrows(StoreUnavailable.class, nowhere::isReady);
        nowhere.close();

        assertTrue(failure.getMessage().contains("http://127.0.0.1:1"), failure.getMessage());
    }

    @Test
    void theCacheForgetsTheLeastRecentlyUsed() throws IOException {
        var cache = new ContentCache(folder.resolve("small"), 250);
        for (var name : List.of("one", "two", "three")) {
            cache.keep(file(name, 100, name.length()), name);
            Files.getFileAttributeView(folder.resolve("small/contents/" + name), BasicFileAttributeView.class)
                    .setTimes(null, FileTime.fromMillis(name.equals("one") ? 2_000 : 1_000), null);
        }

        assertTrue(cache.take("one", folder.resolve("taken")));
        assertFalse(cache.take("two", folder.resolve("gone")));
    }

    private static StoreSettings settings(URI endpoint, String cache) {
        return RealStore.settings(endpoint, real.stack().addresses().keys(), LIMIT, folder.resolve(cache));
    }

    private static Path file(String name, int bytes, long seed) throws IOException {
        var content = new byte[bytes];
        new Random(seed).nextBytes(content);
        return Files.write(folder.resolve(name), content);
    }
}
