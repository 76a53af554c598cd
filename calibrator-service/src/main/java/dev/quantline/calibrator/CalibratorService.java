package dev.quantline.calibrator;

import dev.quantline.pipeline.service.StageService;
import dev.quantline.pipeline.service.StageServices;
import io.smallrye.reactive.messaging.annotations.Blocking;
import jakarta.enterprise.context.ApplicationScoped;
import org.apache.kafka.clients.consumer.ConsumerRecord;
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
    @Blocking(value = "quantline-work", ordered = false)
    void work(ConsumerRecord<byte[], byte[]> record) {
        service.work(record);
    }

    @Incoming("calibrator-work-done")
    @Blocking
    void workDone(ConsumerRecord<byte[], byte[]> record) {
        service.workDone(record);
    }
}
