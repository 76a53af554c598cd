package dev.quantline.pipeline.store;

import io.minio.MinioClient;
import io.minio.errors.ErrorResponseException;
import io.minio.errors.MinioException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import okhttp3.OkHttpClient;

/** The S3 client, and what its failures mean. */
final class S3 implements AutoCloseable {
    private static final Duration CONNECT = Duration.ofSeconds(3);
    private static final Duration PROBE = Duration.ofSeconds(5);
    private static final Duration ANSWER = Duration.ofSeconds(60);

    private final String address;
    private final MinioClient client;
    private final MinioClient probe;

    /** A call of the client. */
    interface Call<T> {
        T run() throws MinioException, IOException;
    }

    /** Makes no connection yet. */
    S3(StoreSettings settings) {
        var http = new OkHttpClient.Builder()
                .connectTimeout(CONNECT)
                .readTimeout(ANSWER)
                .writeTimeout(ANSWER)
                .build();
        this.address = settings.endpoint().toString();
        this.client = client(settings, http);
        this.probe = client(settings, http.newBuilder().callTimeout(PROBE).build());
    }

    MinioClient client() {
        return client;
    }

    /** The same, which answers or gives up within a few seconds. */
    MinioClient probe() {
        return probe;
    }

    /**
     * Calls the store.
     *
     * @throws StoreUnavailable     when it does not answer
     * @throws UncheckedIOException when the local disk fails
     */
    <T> T call(Call<T> call) {
        try {
            return call.run();
        } catch (FileSystemException e) {
            throw new UncheckedIOException(e);
        } catch (MinioException | IOException e) {
            throw unavailable(e);
        } catch (IllegalStateException e) {
            throw e.getCause() instanceof IOException network ? unavailable(network) : e;
        }
    }

    /** Empty for an answer that says that there is no such object; other answers are rethrown. */
    static <T> Optional<T> absent(ErrorResponseException e) throws ErrorResponseException {
        if (List.of("NoSuchKey", "NoSuchBucket", "NoSuchObject")
                        .contains(e.errorResponse().code())
                || e.response().code() == 404) {
            return Optional.empty();
        }
        throw e;
    }

    @Override
    public void close() {
        try {
            client.close();
            probe.close();
        } catch (Exception e) {
            throw new IllegalStateException("the S3 client does not close", e);
        }
    }

    private StoreUnavailable unavailable(Exception cause) {
        return new StoreUnavailable("the object store at " + address + " failed: " + cause.getMessage(), cause);
    }

    private static MinioClient client(StoreSettings settings, OkHttpClient http) {
        return MinioClient.builder()
                .endpoint(settings.endpoint().toString())
                .region(settings.region())
                .credentials(settings.accessKey(), settings.secretKey())
                .httpClient(http, true)
                .build();
    }
}
