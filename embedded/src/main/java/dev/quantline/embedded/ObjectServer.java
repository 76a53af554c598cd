package dev.quantline.embedded;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import org.gaul.s3proxy.S3Proxy;
import org.gaul.s3proxy.auth.AuthenticationType;
import org.gaul.s3proxy.nio2blob.FilesystemNio2BlobStore;

/** An S3 server over a local folder, with version 4 signatures. */
public final class ObjectServer implements AutoCloseable {
    private final S3Proxy server;
    private final URI endpoint;

    private ObjectServer(S3Proxy server, URI endpoint) {
        this.server = server;
        this.endpoint = endpoint;
    }

    public static ObjectServer start(Path folder, int port, StoreKeys keys) throws IOException {
        Files.createDirectories(folder);
        var blobs = new FilesystemNio2BlobStore(folder.toString());
        if (!blobs.containerExists(StackAddresses.BUCKET)) {
            blobs.createContainer(StackAddresses.BUCKET);
        }
        var endpoint = URI.create("http://127.0.0.1:" + port);
        var server = S3Proxy.builder()
                .blobStore(blobs)
                .endpoint(endpoint)
                .awsAuthentication(AuthenticationType.AWS_V4, keys.accessKey(), keys.secretKey())
                .build();
        try {
            server.start();
        } catch (Exception failure) {
            throw new IOException(
                    "the object store did not start at " + endpoint + ": " + failure.getMessage(), failure);
        }
        return new ObjectServer(server, endpoint);
    }

    URI endpoint() {
        return endpoint;
    }

    @Override
    public void close() {
        try {
            server.stop();
        } catch (Exception failure) {
            throw new IllegalStateException("the object store at " + endpoint + " did not stop", failure);
        }
    }
}
