package dev.quantline.console.command;

import dev.quantline.embedded.EmbeddedStack;
import dev.quantline.pipeline.event.Topics;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class PrepareCommandTest {
    @TempDir
    Path folder;

    @Test
    void topicsAndBucketAreMissedThenCreatedThenThere() throws Exception {
        try (var stack = EmbeddedStack.start(folder, EmbeddedStack.Ports.free())) {
            // Given a broker without the topics, and a store without the bucket
            // When both are checked, then what is missing is named and nothing is created
            for (int i = 0; i < 2; i++) {
                var checked = prepare(stack, "--check");
                assertEquals(2, checked.code(), checked.err());
                assertTrue(checked.err().contains("mine.jobs, "), checked.err());
                assertTrue(checked.err().contains("bucket other"), checked.err());
            }
            // When it is created, then that is said
            var created = prepare(stack);
            assertEquals(0, created.code(), created.err());
            var lines = new ArrayList<String>();
            new Topics("mine.").all().forEach(name -> lines.add("created " + name));
            lines.addAll(List.of("created bucket other", "topics and bucket are there"));
            assertEquals(lines, created.out().lines().toList());
            // When it is checked again, then nothing is missing
            var checked = prepare(stack, "--check");
            assertEquals("topics and bucket are there", checked.out().strip(), checked.err());
        }
    }

    private static Said prepare(EmbeddedStack stack, String... more) {
        var arguments = new ArrayList<>(List.of(
                "prepare",
                "--kafka",
                stack.addresses().bootstrapServers(),
                "--s3",
                stack.addresses().s3Endpoint().toString(),
                "--s3-access-key",
                stack.addresses().keys().accessKey(),
                "--s3-secret-key",
                stack.addresses().keys().secretKey(),
                "--bucket",
                "other",
                "--topic-prefix",
                "mine."));
        arguments.addAll(List.of(more));
        return Said.by(arguments.toArray(String[]::new));
    }
}
