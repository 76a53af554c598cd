package dev.quantline.pipeline.store;

import dev.quantline.embedded.EmbeddedStack;
import dev.quantline.embedded.StackAddresses;
import dev.quantline.embedded.StoreKeys;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.Set;

/** A store for tests over a folder, behind a real S3 server in this process; the broker beside it serves those that need one. */
public record RealStore(EmbeddedStack stack, Store store) implements AutoCloseable {
    /** Starts the servers. @param largest most bytes of an object */
    public static RealStore start(Path folder, long largest) throws IOException {
        var stack = EmbeddedStack.start(folder.resolve("stack"), EmbeddedStack.Ports.free());
        var store = new Store(
                settings(stack.addresses().s3Endpoint(), stack.addresses().keys(), largest, folder.resolve("cache")));
        store.prepare();
        return new RealStore(stack, store);
    }

    /** The settings of a further client of such a server. */
    public static StoreSettings settings(URI endpoint, StoreKeys keys, long largest, Path cache) {
        return new StoreSettings(
                endpoint,
                "us-east-1",
                StoreAccess.keys(keys.accessKey(), keys.secretKey()),
                StackAddresses.BUCKET,
                Set.of("opened"),
                largest,
                cache,
                1L << 30);
    }

    @Override
    public void close() {
        store.close();
        stack.close();
    }
}
