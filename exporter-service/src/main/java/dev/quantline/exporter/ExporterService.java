package dev.quantline.exporter;

import dev.quantline.pipeline.service.StageService;
import dev.quantline.pipeline.service.StageServices;
import io.smallrye.reactive.messaging.annotations.Blocking;
import io.smallrye.reactive.messaging.kafka.KafkaRecord;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.eclipse.microprofile.reactive.messaging.Acknowledgment;
import org.eclipse.microprofile.reactive.messaging.Incoming;

/** The exporter's channels. */
@ApplicationScoped
public class ExporterService {
    private final StageService service;

    ExporterService(StageServices services) {
        this.service = services.isolated(ExportStage::new);
    }

    @Incoming("exporter-tuned")
    @Blocking
    void tuned(ConsumerRecord<byte[], byte[]> record) {
        service.previous(record);
    }

    @Incoming("exporter-work")
    @Acknowledgment(Acknowledgment.Strategy.MANUAL)
    CompletionStage<Void> work(KafkaRecord<byte[], byte[]> item) {
        return service.queued(item);
    }

    @Incoming("exporter-work-done")
    @Blocking
    void workDone(ConsumerRecord<byte[], byte[]> record) {
        service.workDone(record);
    }
}
