package dev.quantline.pipeline.service;

import dev.quantline.pipeline.stage.SumStage;
import io.quarkus.arc.properties.IfBuildProperty;
import io.smallrye.common.annotation.Blocking;
import io.smallrye.reactive.messaging.kafka.KafkaRecord;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.eclipse.microprofile.reactive.messaging.Acknowledgment;
import org.eclipse.microprofile.reactive.messaging.Incoming;

/** The first stage of {@link StageServiceTest} as a service; absent from the tests that build on this module's. */
@ApplicationScoped
@IfBuildProperty(name = "quantline.test.sum", stringValue = "true")
public class SumChannels {
    final SumStage stage = new SumStage();
    private final StageService service;

    SumChannels(StageServices services) {
        this.service = services.of(stage);
    }

    int runs() {
        return stage.runs.get();
    }

    @Incoming("sum-jobs")
    @Blocking
    void job(ConsumerRecord<byte[], byte[]> record) {
        service.job(record);
    }

    @Incoming("sum-cancel")
    @Blocking
    void cancel(ConsumerRecord<byte[], byte[]> record) {
        service.cancel(record);
    }

    @Incoming("sum-work")
    @Acknowledgment(Acknowledgment.Strategy.MANUAL)
    CompletionStage<Void> work(KafkaRecord<byte[], byte[]> item) {
        return service.queued(item);
    }

    @Incoming("sum-work-done")
    @Blocking
    void workDone(ConsumerRecord<byte[], byte[]> record) {
        service.workDone(record);
    }
}
