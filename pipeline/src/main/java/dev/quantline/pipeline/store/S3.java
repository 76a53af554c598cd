package dev.quantline.pipeline.store;

import io.minio.AbortMultipartUploadArgs;
import io.minio.CreateMultipartUploadArgs;
import io.minio.ListMultipartUploadsArgs;
import io.minio.MinioAsyncClient;
import io.minio.MinioClient;
import io.minio.credentials.Provider;
import io.minio.errors.ErrorResponseException;
import io.minio.errors.MinioException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.security.GeneralSecurityException;
import java.security.ProviderException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import okhttp3.Interceptor;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;
import okhttp3.ResponseBody;

/** The S3 client, and what its failures mean. */
final class S3 implements AutoCloseable {
    private static final Duration CONNECT = Duration.ofSeconds(3);
    private static final Duration PROBE = Duration.ofSeconds(5);
    private static final Duration ANSWER = Duration.ofSeconds(60);

    private static final int FORBIDDEN = 403;
    /** How far clocks may be apart before S3 refuses what was signed by one of them. */
    private static final Duration MOST_SKEW = Duration.ofMinutes(15);

    private final String address;
    private final String host;
    private final InstantSource clock;
    private final MinioClient client;
    private final MinioClient probe;
    private final MinioAsyncClient async;

    /** A call of the client. */
    interface Call<T> {
        T run() throws MinioException, IOException;
    }

    /** Makes no connection yet. */
    S3(StoreSettings settings) {
        this(settings, InstantSource.system());
    }

    S3(StoreSettings settings, InstantSource clock) {
        var http = settings.access()
                .trusted(new OkHttpClient.Builder()
                        .socketFactory(new PromptSockets())
                        .connectTimeout(CONNECT)
                        .readTimeout(ANSWER)
                        .writeTimeout(ANSWER)
                        .build());
        // One for all clients, since it keeps what it fetched until that expires.
        var credentials = settings.access().provider();
        this.address = settings.endpoint().toString();
        this.host = settings.endpoint().getHost();
        this.clock = clock;
        this.client = client(settings, http, credentials);
        this.async = MinioAsyncClient.builder()
                .endpoint(address)
                .region(settings.region())
                .credentialsProvider(credentials)
                .httpClient(http.newBuilder().addInterceptor(S3::completed).build(), false)
                .build();
        this.probe = client(settings, http.newBuilder().callTimeout(PROBE).build(), credentials);
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
        } catch (MinioException | IOException | ProviderException e) {
            throw unavailable(e);
        } catch (IllegalStateException e) {
            // What the client has no exception of its own for: the network, or a certificate that nobody vouches for.
            throw switch (e.getCause()) {
                case IOException network -> unavailable(network);
                case GeneralSecurityException distrust -> unavailable(distrust);
                case null, default -> e;
            };
        }
    }

    /** Gives up uploads below a prefix that were begun before a moment and never finished; returns how many. */
    int abortUploads(String bucket, String prefix, Instant before) {
        int aborted = 0;
        var listing = ListMultipartUploadsArgs.builder().bucket(bucket).prefix(prefix);
        while (true) {
            var page = uploads(client -> client.listMultipartUploads(listing.build()))
                    .result();
            for (var upload : page.uploads()) {
                if (upload.initiated().toInstant().isBefore(before)) {
                    uploads(client -> client.abortMultipartUpload(AbortMultipartUploadArgs.builder()
                            .bucket(bucket)
                            .object(upload.objectName())
                            .uploadId(upload.uploadId())
                            .build()));
                    aborted++;
                }
            }
            if (!page.isTruncated()) {
                return aborted;
            }
            listing.keyMarker(page.nextKeyMarker()).uploadIdMarker(page.nextUploadIdMarker());
        }
    }

    /** Begins an upload in parts. */
    void beginUpload(String bucket, String key) {
        uploads(client -> client.createMultipartUpload(
                CreateMultipartUploadArgs.builder().bucket(bucket).object(key).build()));
    }

    /** The blocking client does not know uploads that are not its own. */
    private <T> T uploads(Function<MinioAsyncClient, CompletableFuture<T>> asked) {
        return call(() -> {
            try {
                return asked.apply(async).join();
            } catch (CompletionException e) {
                if (e.getCause() instanceof MinioException failure) {
                    throw failure;
                }
                throw new IOException(e.getCause());
            }
        });
    }

    /** SeaweedFS leaves out of its list of uploads what the client demands. */
    private static Response completed(Interceptor.Chain chain) throws IOException {
        var request = chain.request();
        var answer = chain.proceed(request);
        boolean listing = request.method().equals("GET")
                && request.url().queryParameterNames().contains("uploads");
        if (!listing || !answer.isSuccessful()) {
            return answer;
        }
        var type = answer.body().contentType();
        var text = answer.body().string();
        var missing = Stream.of("<Initiator/>", "<Owner/>", "<StorageClass>STANDARD</StorageClass>")
                .filter(element -> !text.contains(element.replaceFirst("/?>.*", "")))
                .collect(Collectors.joining("", "", "</Upload>"));
        return answer.newBuilder()
                .body(ResponseBody.create(text.replace("</Upload>", missing), type))
                .build();
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
        if (!(cause instanceof ErrorResponseException answer)
                || answer.response().code() != FORBIDDEN) {
            return new StoreUnavailable("the object store at " + address + " failed: " + cause.getMessage(), cause);
        }
        var skew = skew(answer.response());
        if (skew.compareTo(MOST_SKEW) > 0) {
            return new StoreUnavailable(
                    "the object store at %s refuses requests of this machine, whose clock differs from the store's by %d minutes: set it"
                            .formatted(address, skew.toMinutes()),
                    cause);
        }
        var right = right(answer.response().request());
        return new StoreUnavailable(
                "the object store at %s does not let these keys use the right %s: %s"
                        .formatted(address, right, cause.getMessage()),
                cause,
                Optional.of(right));
    }

    /** How far the store's clock is from this machine's; zero where the answer does not say. */
    private Duration skew(Response answer) {
        return Optional.ofNullable(answer.headers().getDate("Date"))
                .map(said -> Duration.between(said.toInstant(), clock.instant()).abs())
                .orElse(Duration.ZERO);
    }

    /** The right that a request needs, by the name that it has in policies: {@code s3:PutObject}. */
    private String right(Request request) {
        var names = request.url().queryParameterNames();
        // After the bucket, unless that stands before the host.
        int before = request.url().host().equals(host) ? 1 : 0;
        boolean object = request.url().pathSegments().stream().skip(before).anyMatch(segment -> !segment.isEmpty());
        return "s3:"
                + switch (request.method()) {
                    case "DELETE" -> names.contains("uploadId") ? "AbortMultipartUpload" : "DeleteObject";
                    case "GET", "HEAD" ->
                        object ? "GetObject" : names.contains("uploads") ? "ListBucketMultipartUploads" : "ListBucket";
                    default -> object ? "PutObject" : "CreateBucket";
                };
    }

    private static MinioClient client(StoreSettings settings, OkHttpClient http, Provider credentials) {
        return MinioClient.builder()
                .endpoint(settings.endpoint().toString())
                .region(settings.region())
                .credentialsProvider(credentials)
                .httpClient(http, true)
                .build();
    }
}
