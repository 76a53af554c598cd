package dev.quantline.pipeline.service;

import dev.quantline.onnx.runtime.ProcessEnding;
import io.smallrye.mutiny.Uni;
import io.smallrye.reactive.messaging.kafka.IncomingKafkaRecord;
import io.smallrye.reactive.messaging.kafka.fault.KafkaFailureHandler;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.eclipse.microprofile.reactive.messaging.Metadata;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;

class DeadLetterHandlerTest {
    @Test
    void aRecordWhoseServiceStopsIsNeitherPutAsideNorSettled() {
        // Given
        var aside = new ArrayList<String>();
        KafkaFailureHandler deadLetters = new KafkaFailureHandler() {
            @Override
            public <K, V> Uni<Void> handle(IncomingKafkaRecord<K, V> record, Throwable reason, Metadata metadata) {
                aside.add(reason.getMessage());
                return Uni.createFrom().voidItem();
            }
        };
        var handler = new DeadLetterHandler((configuration, vertx, consumer, report) -> deadLetters)
                .create(null, null, null, null);
        var settled = new AtomicBoolean();

        // When
        handler.handle(null, new CompletionException(new InterruptedException()), null)
                .subscribe()
                .with(nothing -> settled.set(true));
        handler.handle(null, new CompletionException(new ProcessEnding(null)), null)
                .subscribe()
                .with(nothing -> settled.set(true));
        handler.handle(null, new RejectedExecutionException("the worker pool is being shut down"), null)
                .subscribe()
                .with(nothing -> settled.set(true));
        var afterInterruptions = settled.get();
        handler.handle(null, new IllegalStateException("a bug"), null)
                .subscribe()
                .with(nothing -> settled.set(true));

        // Then
        assertEquals(List.of("a bug"), aside);
        assertEquals(List.of(false, true), List.of(afterInterruptions, settled.get()));
    }
}
