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
import io.minio.PutObjectArgs;
import io.minio.RemoveObjectArgs;
import io.minio.SourceObject;
import io.minio.StatObjectArgs;
import io.minio.StatObjectResponse;
import io.minio.UploadObjectArgs;
import io.minio.errors.ErrorResponseException;
import io.minio.errors.MinioException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.DigestOutputStream;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongConsumer;

/**
 * Objects in and out of any S3-compatible store, through a local cache of contents. Keys without a bucket are those
 * of the configured one. Every method throws {@link StoreUnavailable} when the store does not answer and
 * {@link UncheckedIOException} when the local disk fails.
 */
public final class Store implements AutoCloseable {
    private static final long PART_BYTES = 16L << 20;
    private static final int PARTS_AT_ONCE = 3;
    private static final int KEY_DIGITS = 16;

    private static final Map<String, String> CREATE_ONLY = Map.of("If-None-Match", "*");

    private final StoreSettings settings;
    private final S3 s3;
    private final ContentCache cache;
    private final Settled settled = new Settled();

    /** Makes no connection yet. */
    public Store(StoreSettings settings) {
        this.settings = settings;
        this.s3 = new S3(settings);
        try {
            this.cache = new ContentCache(settings.cache(), settings.cacheBytes());
        } catch (IOException e) {
            throw new UncheckedIOException("the cache folder cannot be used: " + settings.cache(), e);
        }
    }

    /** Creates the bucket when it is missing; also warms the client up. */
    public void prepare() {
        var bucket = settings.bucket();
        s3.call(() -> {
            if (!s3.client()
                    .bucketExists(BucketExistsArgs.builder().bucket(bucket).build())) {
                s3.client().makeBucket(MakeBucketArgs.builder().bucket(bucket).build());
            }
            return null;
        });
    }

    /** Whether the bucket exists; returns or throws within a few seconds. */
    public boolean isReady() {
        return s3.call(() -> s3.probe()
                .bucketExists(
                        BucketExistsArgs.builder().bucket(settings.bucket()).build()));
    }

    /** The store's address, for messages. */
    public String address() {
        return settings.endpoint().toString();
    }

    /** Whether jobs may name an object as an input: of the configured bucket, or of one that was opened to them. */
    public boolean mayRead(ObjectRef ref) {
        return ref.bucket().equals(settings.bucket()) || settings.otherBuckets().contains(ref.bucket());
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
        return s3.call(() -> {
            try (var in = s3.client()
                    .getObject(GetObjectArgs.builder()
                            .bucket(settings.bucket())
                            .object(key)
                            .build())) {
                return Optional.of(in.readAllBytes());
            } catch (ErrorResponseException e) {
                return S3.absent(e);
            }
        });
    }

    /** What this process has read before of objects that never change. */
    public Settled settled() {
        return settled;
    }

    /** Writes a small object, overwriting what was there. */
    public void write(String key, byte[] content) {
        s3.call(() -> s3.client().putObject(small(key, content).build()));
    }

    /** Creates a small object and returns whether it was new; of two writers one wins. */
    public boolean create(String key, byte[] content) {
        return s3.call(() -> {
            try {
                s3.client()
                        .putObject(small(key, content).extraHeaders(CREATE_ONLY).build());
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

    /** When an object was last written, by the store's clock. */
    public Optional<Instant> modified(String key) {
        return stat(ref(key)).map(stat -> stat.lastModified().toInstant());
    }

    /** Gives up uploads below a prefix that were begun before a moment and never finished; returns how many. */
    public int abortUploads(String prefix, Instant before) {
        return s3.abortUploads(settings.bucket(), prefix, before);
    }

    /** Deletes an object, if there is one. */
    public void delete(String key) {
        s3.call(() -> {
            s3.client()
                    .removeObject(RemoveObjectArgs.builder()
                            .bucket(settings.bucket())
                            .object(key)
                            .build());
            return null;
        });
    }

    /** Uploads a file, in parts of 16 MB. */
    public StoredFile put(String key, Path file) {
        return s3.call(() -> upload(key, Hashes.of(file), file));
    }

    /**
     * Uploads a file under a key that holds its hash, {@code folder/<hash>/name}, unless it is there already in its full size:
     * writers of different contents never overwrite each other, and what a store kept of an upload that was cut is replaced. The file must
     * not change any more, the cache keeps a link to it.
     */
    public StoredFile putContent(String folder, String name, Path file) {
        return s3.call(() -> {
            var hash = Hashes.of(file);
            var key = folder + hash.substring(0, KEY_DIGITS) + "/" + name;
            long size = Files.size(file);
            if (stat(ref(key)).filter(stored -> stored.size() == size).isPresent()) {
                return new StoredFile(ref(key), hash, size);
            }
            cache.keep(file, hash);
            return upload(key, hash, file);
        });
    }

    /**
     * Copies a file inside the store, after reading it once more: whoever fetches the copy has nothing to compare it with.
     *
     * @throws BadInput when the object has another content by now, or is gone
     */
    public void copy(StoredFile file, String toKey) {
        s3.call(() -> {
            downloadKnown(file, _ -> {});
            return s3.client()
                    .copyObject(CopyObjectArgs.builder()
                            .bucket(settings.bucket())
                            .object(toKey)
                            .source(SourceObject.builder()
                                    .bucket(file.ref().bucket())
                                    .object(file.ref().key())
                                    .build())
                            .build());
        });
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
        return s3.call(() -> {
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
        s3.call(() -> {
            if (!cache.take(file.sha256(), target)) {
                downloadKnown(file, transferred);
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
        s3.call(() -> {
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
        s3.close();
    }

    /** CRC-32 is the one checksum both sides compute in hardware. */
    private StoredFile upload(String key, String hash, Path file) throws MinioException, IOException {
        s3.client()
                .uploadObject(UploadObjectArgs.builder()
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

    private void downloadKnown(StoredFile file, LongConsumer transferred) throws MinioException, IOException {
        if (!download(file.ref(), transferred).equals(file.sha256())) {
            throw new BadInput(file.ref() + " was replaced while the job was running; submit it under a new id");
        }
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
        try (var in = s3.client()
                .getObject(GetObjectArgs.builder()
                        .bucket(ref.bucket())
                        .object(ref.key())
                        .build())) {
            var digest = Hashes.sha256();
            try (var out = new DigestOutputStream(Files.newOutputStream(target), digest)) {
                transferred.accept(in.transferTo(out));
            }
            return Hashes.hex(digest);
        } catch (ErrorResponseException e) {
            S3.absent(e);
            throw new BadInput("no such object: " + ref, e);
        }
    }

    private Optional<StatObjectResponse> stat(ObjectRef ref) {
        return s3.call(() -> {
            try {
                return Optional.of(s3.client()
                        .statObject(StatObjectArgs.builder()
                                .bucket(ref.bucket())
                                .object(ref.key())
                                .build()));
            } catch (ErrorResponseException e) {
                return S3.absent(e);
            }
        });
    }

    private List<String> list(ObjectRef prefix, boolean recursive) {
        return s3.call(() -> {
            var keys = new ArrayList<String>();
            try {
                for (var result : s3.client()
                        .listObjects(ListObjectsArgs.builder()
                                .bucket(prefix.bucket())
                                .prefix(prefix.key())
                                .recursive(recursive)
                                .build())) {
                    keys.add(result.get().objectName());
                }
            } catch (ErrorResponseException e) {
                S3.absent(e);
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
}
