package dev.quantline.tuner;

import dev.quantline.pipeline.service.StageService;
import dev.quantline.pipeline.service.StageServices;
import io.smallrye.reactive.messaging.annotations.Blocking;
import io.smallrye.reactive.messaging.kafka.KafkaRecord;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.eclipse.microprofile.reactive.messaging.Acknowledgment;
import org.eclipse.microprofile.reactive.messaging.Incoming;

/** The tuner's channels. */
@ApplicationScoped
public class TunerService {
    private final StageService service;

    TunerService(StageServices services) {
        this.service = services.isolated(TuneStage::new);
    }

    @Incoming("tuner-calibrated")
    @Blocking
    void calibrated(ConsumerRecord<byte[], byte[]> record) {
        service.previous(record);
    }

    @Incoming("tuner-work")
    @Acknowledgment(Acknowledgment.Strategy.MANUAL)
    CompletionStage<Void> work(KafkaRecord<byte[], byte[]> item) {
        return service.queued(item);
    }

    @Incoming("tuner-work-done")
    @Blocking
    void workDone(ConsumerRecord<byte[], byte[]> record) {
        service.workDone(record);
    }
}
