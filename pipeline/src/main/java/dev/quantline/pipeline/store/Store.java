package dev.quantline.pipeline.store;

import dev.quantline.onnx.BadInput;
import dev.quantline.pipeline.job.ObjectRef;
import dev.quantline.quantize.settings.Hashes;
import io.minio.BucketExistsArgs;
import io.minio.Checksum;
import io.minio.CopyObjectArgs;
import io.minio.GetObjectArgs;
import io.minio.ListObjectsArgs;
import io.minio.MakeBucketArgs;
import io.minio.MinioClient;
import io.minio.PutObjectArgs;
import io.minio.SourceObject;
import io.minio.StatObjectArgs;
import io.minio.StatObjectResponse;
import io.minio.UploadObjectArgs;
import io.minio.errors.ErrorResponseException;
import io.minio.errors.MinioException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.DigestOutputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongConsumer;
import okhttp3.OkHttpClient;

/**
 * Objects in and out of any S3-compatible store, through a local cache of contents. Keys without a bucket are those
 * of the configured one. Every method throws {@link StoreUnavailable} when the store does not answer and
 * {@link UncheckedIOException} when the local disk fails.
 */
public final class Store implements AutoCloseable {
    private static final long PART_BYTES = 16L << 20;
    private static final int PARTS_AT_ONCE = 3;
    private static final int KEY_DIGITS = 16;
    private static final Duration CONNECT = Duration.ofSeconds(3);
    private static final Duration PROBE = Duration.ofSeconds(5);
    private static final Duration ANSWER = Duration.ofSeconds(60);
    private static final Map<String, String> CREATE_ONLY = Map.of("If-None-Match", "*");

    private final StoreSettings settings;
    private final MinioClient client;
    private final MinioClient probe;
    private final ContentCache cache;

    /** A call of the S3 client. */
    private interface Call<T> {
        T run() throws MinioException, IOException;
    }

    /** Makes no connection yet. */
    public Store(StoreSettings settings) {
        this.settings = settings;
        var http = new OkHttpClient.Builder()
                .connectTimeout(CONNECT)
                .readTimeout(ANSWER)
                .writeTimeout(ANSWER)
                .build();
        this.client = client(settings, http);
        this.probe = client(settings, http.newBuilder().callTimeout(PROBE).build());
        try {
            this.cache = new ContentCache(settings.cache(), settings.cacheBytes());
        } catch (IOException e) {
            throw new UncheckedIOException("the cache folder cannot be used: " + settings.cache(), e);
        }
    }

    /** Creates the bucket when it is missing; also warms the client up. */
    public void prepare() {
        call(() -> {
            if (!client.bucketExists(
                    BucketExistsArgs.builder().bucket(settings.bucket()).build())) {
                client.makeBucket(
                        MakeBucketArgs.builder().bucket(settings.bucket()).build());
            }
            return null;
        });
    }

    /** Whether the bucket exists; returns or throws within a few seconds. */
    public boolean isReady() {
        return call(() -> probe.bucketExists(
                BucketExistsArgs.builder().bucket(settings.bucket()).build()));
    }

    /** The store's address, for messages. */
    public String address() {
        return settings.endpoint().toString();
    }

    /** An object of the configured bucket. */
    public ObjectRef ref(String key) {
        return new ObjectRef(settings.bucket(), key);
    }

    public boolean exists(String key) {
        return exists(ref(key));
    }

    public boolean exists(ObjectRef ref) {
        return stat(ref).isPresent();
    }

    /** A small object's content; empty when there is no such object. */
    public Optional<byte[]> read(String key) {
        return call(() -> {
            try (var in = client.getObject(GetObjectArgs.builder()
                    .bucket(settings.bucket())
                    .object(key)
                    .build())) {
                return Optional.of(in.readAllBytes());
            } catch (ErrorResponseException e) {
                return absent(e);
            }
        });
    }

    /** Writes a small object, overwriting what was there. */
    public void write(String key, byte[] content) {
        call(() -> client.putObject(small(key, content).build()));
    }

    /** Creates a small object and returns whether it was new; of two writers one wins. */
    public boolean create(String key, byte[] content) {
        return call(() -> {
            try {
                client.putObject(small(key, content).extraHeaders(CREATE_ONLY).build());
                return true;
            } catch (ErrorResponseException e) {
                if (e.errorResponse().code().equals("PreconditionFailed")
                        || e.response().code() == 412) {
                    return false;
                }
                throw e;
            }
        });
    }

    /** Uploads a file, in parts of 16 MB. */
    public StoredFile put(String key, Path file) {
        return call(() -> upload(key, Hashes.of(file), file));
    }

    /**
     * Uploads a file under a key that holds its hash, {@code folder/<hash>/name}, unless it is there already: writers
     * of different contents never overwrite each other. The file must not change any more, the cache keeps a link to it.
     */
    public StoredFile putContent(String folder, String name, Path file) {
        return call(() -> {
            var hash = Hashes.of(file);
            var key = folder + hash.substring(0, KEY_DIGITS) + "/" + name;
            if (exists(key)) {
                return new StoredFile(ref(key), hash, Files.size(file));
            }
            cache.keep(file, hash);
            return upload(key, hash, file);
        });
    }

    /** Copies inside the store. */
    public void copy(ObjectRef from, String toKey) {
        call(() -> client.copyObject(CopyObjectArgs.builder()
                .bucket(settings.bucket())
                .object(toKey)
                .source(SourceObject.builder()
                        .bucket(from.bucket())
                        .object(from.key())
                        .build())
                .build()));
    }

    /** Keys of the configured bucket below a prefix, sorted. */
    public List<String> list(String prefix) {
        return list(ref(prefix), true);
    }

    /** The names directly below a prefix that ends with a slash, sorted: of objects, and of folders with their slash. */
    public List<String> children(String prefix) {
        return list(ref(prefix), false).stream()
                .map(key -> key.substring(prefix.length()))
                .toList();
    }

    /**
     * The object itself, or every {@code .npz} directly below it, sorted.
     *
     * @throws BadInput when there is neither
     */
    public List<ObjectRef> resolve(ObjectRef ref) {
        if (!ref.key().endsWith("/") && stat(ref).isPresent()) {
            return List.of(ref);
        }
        var prefix = new ObjectRef(ref.bucket(), ref.key().endsWith("/") ? ref.key() : ref.key() + "/");
        var below = list(prefix, false).stream()
                .filter(key -> key.endsWith(".npz"))
                .map(key -> new ObjectRef(ref.bucket(), key))
                .toList();
        if (below.isEmpty()) {
            throw new BadInput("no object and no .npz below it: " + ref);
        }
        return below;
    }

    /**
     * Downloads an object to a local file, which must not be written to.
     *
     * @param transferred is told the bytes that did not come from the cache
     * @throws BadInput when there is no such object, or it is larger than the configured limit
     */
    public StoredFile fetch(ObjectRef ref, Path target, LongConsumer transferred) {
        var stat = stat(ref).orElseThrow(() -> new BadInput("no such object: " + ref));
        if (stat.size() > settings.maxObjectBytes()) {
            throw new BadInput("%s has %d bytes, more than the limit of %d (quantline.store.max-object-bytes)"
                    .formatted(ref, stat.size(), settings.maxObjectBytes()));
        }
        // Without the address: a laptop's store may come back at another port with the same objects.
        var version = ref + "|" + stat.etag() + "|" + stat.lastModified().toInstant();
        return call(() -> {
            var known = cache.hashOf(version);
            if (known.isPresent() && cache.take(known.get(), target)) {
                return new StoredFile(ref, known.get(), stat.size());
            }
            var hash = download(ref, transferred);
            cache.name(version, hash);
            return take(ref, hash, target);
        });
    }

    /**
     * Downloads an object with known content to a local file, which must not be written to.
     *
     * @throws BadInput when the object has another content by now, or is gone
     */
    public void fetch(StoredFile file, Path target, LongConsumer transferred) {
        call(() -> {
            if (!cache.take(file.sha256(), target)) {
                if (!download(file.ref(), transferred).equals(file.sha256())) {
                    throw new BadInput(
                            file.ref() + " was replaced while the job was running; submit it under a new id");
                }
                take(file.ref(), file.sha256(), target);
            }
            return null;
        });
    }

    /**
     * Downloads an object to the caller's own file, bypassing the cache and overwriting what was there.
     *
     * @throws BadInput when there is no such object
     */
    public void save(ObjectRef ref, Path target) {
        call(() -> {
            var part = target.resolveSibling(target.getFileName() + ".part");
            try {
                Files.createDirectories(target.toAbsolutePath().getParent());
                download(ref, part, _ -> {});
                return Files.move(part, target, StandardCopyOption.REPLACE_EXISTING);
            } finally {
                Files.deleteIfExists(part);
            }
        });
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

    private static MinioClient client(StoreSettings settings, OkHttpClient http) {
        return MinioClient.builder()
                .endpoint(settings.endpoint().toString())
                .region(settings.region())
                .credentials(settings.accessKey(), settings.secretKey())
                .httpClient(http, true)
                .build();
    }

    /** CRC-32 is the one checksum both sides compute in hardware. */
    private StoredFile upload(String key, String hash, Path file) throws MinioException, IOException {
        client.uploadObject(UploadObjectArgs.builder()
                .bucket(settings.bucket())
                .object(key)
                .filename(file.toString(), PART_BYTES)
                .checksum(Checksum.Algorithm.CRC32)
                .parallelUploads(PARTS_AT_ONCE)
                .build());
        return new StoredFile(ref(key), hash, Files.size(file));
    }

    private StoredFile take(ObjectRef ref, String hash, Path target) throws IOException {
        if (!cache.take(hash, target)) {
            throw new IOException("the cache is smaller than one object in use: " + ref);
        }
        return new StoredFile(ref, hash, Files.size(target));
    }

    private String download(ObjectRef ref, LongConsumer transferred) throws MinioException, IOException {
        var incoming = cache.incoming();
        try {
            var hash = download(ref, incoming, transferred);
            cache.adopt(incoming, hash);
            return hash;
        } finally {
            Files.deleteIfExists(incoming);
        }
    }

    private String download(ObjectRef ref, Path target, LongConsumer transferred) throws MinioException, IOException {
        try (var in = client.getObject(
                GetObjectArgs.builder().bucket(ref.bucket()).object(ref.key()).build())) {
            var digest = Hashes.sha256();
            try (var out = new DigestOutputStream(Files.newOutputStream(target), digest)) {
                transferred.accept(in.transferTo(out));
            }
            return Hashes.hex(digest);
        } catch (ErrorResponseException e) {
            absent(e);
            throw new BadInput("no such object: " + ref, e);
        }
    }

    private Optional<StatObjectResponse> stat(ObjectRef ref) {
        return call(() -> {
            try {
                return Optional.of(client.statObject(StatObjectArgs.builder()
                        .bucket(ref.bucket())
                        .object(ref.key())
                        .build()));
            } catch (ErrorResponseException e) {
                return absent(e);
            }
        });
    }

    private List<String> list(ObjectRef prefix, boolean recursive) {
        return call(() -> {
            var keys = new ArrayList<String>();
            try {
                for (var result : client.listObjects(ListObjectsArgs.builder()
                        .bucket(prefix.bucket())
                        .prefix(prefix.key())
                        .recursive(recursive)
                        .build())) {
                    keys.add(result.get().objectName());
                }
            } catch (ErrorResponseException e) {
                absent(e);
            }
            keys.sort(null);
            return List.copyOf(keys);
        });
    }

    private PutObjectArgs.Builder small(String key, byte[] content) {
        return PutObjectArgs.builder()
                .bucket(settings.bucket())
                .object(key)
                .data(content, content.length)
                .contentType("application/json");
    }

    private static <T> Optional<T> absent(ErrorResponseException e) throws ErrorResponseException {
        if (List.of("NoSuchKey", "NoSuchBucket", "NoSuchObject")
                        .contains(e.errorResponse().code())
                || e.response().code() == 404) {
            return Optional.empty();
        }
        throw e;
    }

    private <T> T call(Call<T> call) {
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

    private StoreUnavailable unavailable(Exception cause) {
        return new StoreUnavailable("the object store at " + address() + " failed: " + cause.getMessage(), cause);
    }
}
