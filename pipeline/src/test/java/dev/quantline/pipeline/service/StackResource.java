package dev.quantline.pipeline.service;

import dev.quantline.embedded.EmbeddedStack;
import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Map;

/** A real broker and a real store for a test, over a temporary folder. */
public final class StackResource implements QuarkusTestResourceLifecycleManager {
    private Path folder;
    private EmbeddedStack stack;

    @Override
    public Map<String, String> start() {
        try {
            folder = Files.createTempDirectory("quantline-test");
            stack = EmbeddedStack.start(folder.resolve("stack"), EmbeddedStack.Ports.free());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return Map.of(
                "kafka.bootstrap.servers", stack.addresses().bootstrapServers(),
                "quantline.store.endpoint", stack.addresses().s3Endpoint().toString(),
                "quantline.store.access-key", stack.addresses().keys().accessKey(),
                "quantline.store.secret-key", stack.addresses().keys().secretKey(),
                "quantline.work.folder", folder.resolve("work").toString());
    }

    @Override
    public void stop() {
        stack.close();
        try (var files = Files.walk(folder)) {
            for (var file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
