package dev.quantline.pipeline.service;

import io.smallrye.common.annotation.Identifier;
import io.smallrye.mutiny.Uni;
import io.smallrye.reactive.messaging.kafka.KafkaConnectorIncomingConfiguration;
import io.smallrye.reactive.messaging.kafka.KafkaConsumer;
import io.smallrye.reactive.messaging.kafka.commit.KafkaCommitHandler;
import io.vertx.mutiny.core.Vertx;
import jakarta.enterprise.context.ApplicationScoped;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.Map;
import java.util.function.BiConsumer;

/**
 * SmallRye's throttled commits, without the question that they ask the broker when the first record of a partition comes: the committed
 * offset, from which the consumer has just read. The record would wait for the answer, and the answer for the end of the poll under way.
 */
@ApplicationScoped
@Identifier(PromptCommits.STRATEGY)
public class PromptCommits implements KafkaCommitHandler.Factory {
    static final String STRATEGY = "quantline-prompt";

    private final KafkaCommitHandler.Factory throttled;

    PromptCommits(@Identifier(KafkaCommitHandler.Strategy.THROTTLED) KafkaCommitHandler.Factory throttled) {
        this.throttled = throttled;
    }

    @Override
    public KafkaCommitHandler create(
            KafkaConnectorIncomingConfiguration configuration,
            Vertx vertx,
            KafkaConsumer<?, ?> consumer,
            BiConsumer<Throwable, Boolean> report) {
        return throttled.create(configuration, vertx, withoutCommitted(consumer), report);
    }

    /** The same consumer, which says at once that nothing is known to be committed. */
    static KafkaConsumer<?, ?> withoutCommitted(KafkaConsumer<?, ?> consumer) {
        return (KafkaConsumer<?, ?>) Proxy.newProxyInstance(
                KafkaConsumer.class.getClassLoader(), new Class<?>[] {KafkaConsumer.class}, (_, method, arguments) -> {
                    if (method.getName().equals("committed")) {
                        return Uni.createFrom().item(Map.of());
                    }
                    try {
                        return method.invoke(consumer, arguments);
                    } catch (InvocationTargetException thrown) {
                        throw thrown.getCause();
                    }
                });
    }
}
