package dev.quantline.profiler;

import dev.quantline.pipeline.service.StageService;
import dev.quantline.pipeline.service.StageServices;
import io.smallrye.reactive.messaging.annotations.Blocking;
import io.smallrye.reactive.messaging.kafka.KafkaRecord;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.eclipse.microprofile.reactive.messaging.Acknowledgment;
import org.eclipse.microprofile.reactive.messaging.Incoming;

/** The profiler's channels. As the first stage, it also accepts jobs and stops them. */
@ApplicationScoped
public class ProfilerService {
    private final StageService service;

    ProfilerService(StageServices services) {
        this.service = services.isolated(ProfileStage::new);
    }

    @Incoming("profiler-jobs")
    @Blocking
    void job(ConsumerRecord<byte[], byte[]> record) {
        service.job(record);
    }

    @Incoming("profiler-cancel")
    @Blocking
    void cancel(ConsumerRecord<byte[], byte[]> record) {
        service.cancel(record);
    }

    @Incoming("profiler-work")
    @Acknowledgment(Acknowledgment.Strategy.MANUAL)
    CompletionStage<Void> work(KafkaRecord<byte[], byte[]> item) {
        return service.queued(item);
    }

    @Incoming("profiler-work-done")
    @Blocking
    void workDone(ConsumerRecord<byte[], byte[]> record) {
        service.workDone(record);
    }
}
