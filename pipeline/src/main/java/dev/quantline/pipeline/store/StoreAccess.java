package dev.quantline.pipeline.store;

import io.minio.Http;
import io.minio.credentials.IamAwsProvider;
import io.minio.credentials.Provider;
import io.minio.credentials.StaticProvider;
import io.minio.errors.MinioException;
import java.nio.file.Path;
import java.util.Optional;
import okhttp3.OkHttpClient;

/**
 * How a client shows the store who it is, and which stores it believes.
 *
 * @param keys        empty for the short-lived keys that the platform gives the workload
 * @param authorities PEM file of authorities that are trusted besides those of the JVM
 */
public record StoreAccess(Optional<Keys> keys, Optional<Path> authorities) {
    /** A pair of keys that does not expire. */
    public record Keys(String access, String secret) {
        /** Without the keys. */
        @Override
        public String toString() {
            return "Keys";
        }
    }

    /** By a pair of keys. */
    public static StoreAccess keys(String access, String secret) {
        return new StoreAccess(Optional.of(new Keys(access, secret)), Optional.empty());
    }

    /**
     * By what AWS puts into the environment of a workload that has a role: a web identity token, the address of an agent that gives keys,
     * or the metadata service of the machine.
     */
    public static StoreAccess workloadIdentity() {
        return new StoreAccess(Optional.empty(), Optional.empty());
    }

    /** The same, and the authorities of a PEM file are trusted too. */
    public StoreAccess trusting(Path pem) {
        return new StoreAccess(keys, Optional.of(pem));
    }

    Provider provider() {
        return keys.<Provider>map(pair -> new StaticProvider(pair.access(), pair.secret(), null))
                .orElseGet(() -> new IamAwsProvider(null, null));
    }

    /** @throws IllegalArgumentException when the file of authorities is missing or is not PEM */
    OkHttpClient trusted(OkHttpClient http) {
        if (authorities.isEmpty()) {
            return http;
        }
        try {
            return Http.enableExternalCertificates(http, authorities.get().toString(), null);
        } catch (MinioException e) {
            throw new IllegalArgumentException(
                    "the store's authorities cannot be read from " + authorities.get() + ": "
                            + e.getCause().getMessage(),
                    e);
        }
    }
}
