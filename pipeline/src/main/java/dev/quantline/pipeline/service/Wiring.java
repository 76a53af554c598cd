package dev.quantline.pipeline.service;

import dev.quantline.pipeline.event.Topics;
import dev.quantline.pipeline.process.ChildProcesses;
import dev.quantline.pipeline.stage.Activity;
import dev.quantline.pipeline.stage.Scratch;
import dev.quantline.pipeline.store.Store;
import dev.quantline.pipeline.store.StoreAccess;
import dev.quantline.pipeline.store.StoreSettings;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.inject.Disposes;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.util.Optional;
import java.util.Set;

/** Makes the plain objects of the pipeline from the configuration. */
@ApplicationScoped
public class Wiring {
    @Produces
    @Singleton
    Store store(StoreConfig store, WorkConfig work) {
        return new Store(new StoreSettings(
                store.endpoint(),
                store.region(),
                access(store),
                store.bucket(),
                store.otherBuckets().orElse(Set.of()),
                store.maxObjectBytes(),
                work.folder().resolve("cache"),
                work.cacheBytes()));
    }

    /** @throws IllegalStateException naming the setting when keys are to be used and one is missing */
    static StoreAccess access(StoreConfig store) {
        var access = switch (store.credentials()) {
            case KEYS ->
                StoreAccess.keys(required("access-key", store.accessKey()), required("secret-key", store.secretKey()));
            case WORKLOAD_IDENTITY -> StoreAccess.workloadIdentity();
        };
        return store.authorities().map(access::trusting).orElse(access);
    }

    private static String required(String key, Optional<String> value) {
        return value.orElseThrow(() -> new IllegalStateException(("quantline.store.%s is missing: set it, or set "
                        + "quantline.store.credentials=workload-identity where the platform gives services their keys")
                .formatted(key)));
    }

    void close(@Disposes Store store) {
        store.close();
    }

    @Produces
    @Singleton
    Activity activity() {
        return new Activity();
    }

    @Produces
    @Singleton
    Scratch scratch(WorkConfig work) {
        return Scratch.open(work.folder().resolve("scratch"));
    }

    /** The first child starts with the service. */
    @Produces
    @Singleton
    ChildProcesses children(WorkConfig work, Scratch scratch) {
        var children = new ChildProcesses(scratch);
        if (work.isolated()) {
            children.warm();
        }
        return children;
    }

    void close(@Disposes ChildProcesses children) {
        children.close();
    }

    @Produces
    @Singleton
    Topics topics(TopicsConfig config) {
        return new Topics(config.prefix());
    }
}
