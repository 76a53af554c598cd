package dev.quantline.console.client;

import dev.quantline.console.stack.LocalStack;
import dev.quantline.embedded.EmbeddedStack;
import dev.quantline.pipeline.store.Store;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.NewTopic;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

/** What comes down from a store is the user's own, whole, in as many files as the model has. */
class StackClientTest {
    @TempDir
    Path folder;

    @Test
    void aResultOfTwoFilesReplacesWhatWasThereAndOneOfASingleFileLeavesNoOldData() throws Exception {
        try (var stack = EmbeddedStack.start(folder.resolve("stack"), EmbeddedStack.Ports.free());
                var client = connect(LocalStack.connection(stack.addresses()))) {
            // Given: one job with external data, one without, and files of a user's where the results go
            var out = Files.createDirectory(folder.resolve("out"));
            Files.writeString(out.resolve("model.onnx"), "old");
            var linked = Files.createLink(folder.resolve("linked.onnx"), out.resolve("model.onnx"));
            try (var store = LocalStack.connection(stack.addresses()).store(folder.resolve("cache"))) {
                deliver(store, "large", "model.onnx", "model.onnx.data", "report.json", "report.html");
                deliver(store, "small", "model.onnx", "report.json", "report.html");
            }

            // When, then: all files are there, new ones with the permissions of any new file
            client.download("large", out);
            assertEquals("large model.onnx", Files.readString(out.resolve("model.onnx")));
            assertEquals("large model.onnx.data", Files.readString(out.resolve("model.onnx.data")));
            assertEquals("old", Files.readString(linked), "another name of the old file");
            var anyFile = Files.createFile(folder.resolve("any"));
            assertEquals(
                    Files.getPosixFilePermissions(anyFile), Files.getPosixFilePermissions(out.resolve("model.onnx")));

            // When, then
            client.download("small", out);
            assertEquals("small model.onnx", Files.readString(out.resolve("model.onnx")));
            assertFalse(Files.exists(out.resolve("model.onnx.data")));
            assertEquals(List.of("model.onnx", "report.html", "report.json"), names(out));
        }
    }

    /** A client takes a broker that has no topic of jobs for a wrong address. */
    private static StackClient connect(Connection connection) throws Exception {
        try (var admin = Admin.create(Map.of(AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG, connection.kafka()))) {
            admin.createTopics(List.of(new NewTopic(connection.topics().jobs(), 1, (short) 1)))
                    .all()
                    .get();
        }
        return StackClient.connect(connection, Patience.of(LocalStack.STARTING));
    }

    private static void deliver(Store store, String job, String... files) {
        for (var file : files) {
            store.write("jobs/" + job + "/export/" + file, (job + " " + file).getBytes());
        }
    }

    private static List<String> names(Path folder) throws IOException {
        try (var files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }
}
