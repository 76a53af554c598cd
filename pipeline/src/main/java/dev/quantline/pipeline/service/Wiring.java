package dev.quantline.pipeline.service;

import dev.quantline.pipeline.event.Topics;
import dev.quantline.pipeline.store.Store;
import dev.quantline.pipeline.store.StoreSettings;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.inject.Disposes;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;

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
                store.maxObjectBytes(),
                work.folder().resolve("cache"),
                work.cacheBytes()));
    }

    void close(@Disposes Store store) {
        store.close();
    }

    @Produces
    @Singleton
    Topics topics(TopicsConfig config) {
        return new Topics(config.prefix());
    }
}
