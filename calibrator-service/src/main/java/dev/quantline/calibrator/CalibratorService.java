package dev.quantline.calibrator;

import dev.quantline.pipeline.service.StageService;
import dev.quantline.pipeline.service.StageServices;
import io.smallrye.reactive.messaging.annotations.Blocking;
import io.smallrye.reactive.messaging.kafka.KafkaRecord;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.eclipse.microprofile.reactive.messaging.Acknowledgment;
import org.eclipse.microprofile.reactive.messaging.Incoming;

/** The calibrator's channels. */
@ApplicationScoped
public class CalibratorService {
    private final StageService service;

    CalibratorService(StageServices services) {
        this.service = services.isolated(CalibrateStage::new);
    }

    @Incoming("calibrator-profiled")
    @Blocking
    void profiled(ConsumerRecord<byte[], byte[]> record) {
        service.previous(record);
    }

    @Incoming("calibrator-work")
    @Acknowledgment(Acknowledgment.Strategy.MANUAL)
    CompletionStage<Void> work(KafkaRecord<byte[], byte[]> item) {
        return service.queued(item);
    }

    @Incoming("calibrator-work-done")
    @Blocking
    void workDone(ConsumerRecord<byte[], byte[]> record) {
        service.workDone(record);
    }
}
