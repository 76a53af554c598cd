package dev.quantline.pipeline.service;

import dev.quantline.pipeline.event.Topics;
import dev.quantline.pipeline.process.ChildProcesses;
import dev.quantline.pipeline.stage.Activity;
import dev.quantline.pipeline.stage.Scratch;
import dev.quantline.pipeline.store.Store;
import dev.quantline.pipeline.store.StoreSettings;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.inject.Disposes;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
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
                store.accessKey(),
                store.secretKey(),
                store.bucket(),
                store.otherBuckets().orElse(Set.of()),
                store.maxObjectBytes(),
                work.folder().resolve("cache"),
                work.cacheBytes()));
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
