package dev.quantline.exporter;

import dev.quantline.exporter.StoreProxy.Fault;
import dev.quantline.exporter.StoreProxy.Request;
import dev.quantline.pipeline.event.StageName;
import java.io.IOException;
import java.time.Duration;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.params.provider.Arguments.argumentSet;

/** A broker or a store that goes away in the midst of a job and comes back: the job is done with the same bytes. */
@ExtendWith(FaultyStack.Shared.class)
class OutagesIT {
    private final FaultyStack stack;

    OutagesIT(FaultyStack stack) {
        this.stack = stack;
    }

    @Test
    void theBrokerIsStoppedAndStartedAgain() throws Exception {
        var job = begun(StageName.CALIBRATE);

        stack.stopBroker();
        stack.brokerLink().awaitTurnedAway(8);
        assertFalse(stack.isDone(job), "the job was done before the broker stopped");
        stack.startBroker();

        stack.awaitUndisturbed(job, SmallJob.TINY);
    }

    @Test
    void theNetworkToTheBrokerIsCut() throws Exception {
        var job = begun(StageName.CALIBRATE);

        stack.brokerLink().cut();
        stack.brokerLink().awaitTurnedAway(20);
        assertFalse(stack.isDone(job), "the job was done before the network was cut");
        stack.brokerLink().mend();

        stack.awaitUndisturbed(job, SmallJob.TINY);
    }

    @Test
    void theStoreIsStoppedAndStartedAgain() throws Exception {
        var job = begun(StageName.CALIBRATE);

        stack.stopStore();
        stack.storeProxy().awaitTurnedAway(2);
        stack.startStore();
        assertFalse(stack.isDone(job), "the job was done before the store stopped");

        stack.awaitUndisturbed(job, SmallJob.TINY);
    }

    @Test
    void theNetworkToTheStoreIsCut() throws Exception {
        var job = begun(StageName.PROFILE);

        stack.storeProxy().cut();
        stack.storeProxy().awaitTurnedAway(3);
        stack.storeProxy().mend();

        stack.awaitUndisturbed(job, SmallJob.TINY);
    }

    static Stream<Arguments> faults() {
        Predicate<Request> all = _ -> true;
        return Stream.of(
                argumentSet("unavailable", all, Fault.answer(503, "SlowDown"), 4),
                argumentSet("broken", all, Fault.answer(500, "InternalError"), 4),
                argumentSet("a day ahead", all, Fault.clockAhead(Duration.ofDays(1)), 4),
                argumentSet("a day behind", all, Fault.clockAhead(Duration.ofDays(-1)), 4),
                argumentSet("slow", all, Fault.slow(100), 10),
                argumentSet("full", puts(""), Fault.answer(507, "XMinioStorageFull"), 3),
                argumentSet("cut off in the midst of uploads", puts("/model.onnx"), Fault.cutUpload(1000), 2),
                argumentSet("cut off in the midst of downloads", gets("/model.onnx"), Fault.cutAnswer(1500), 2));
    }

    /** @param hits how often the fault happens before it is over */
    @ParameterizedTest
    @MethodSource("faults")
    void theStoreIs(Predicate<Request> which, Fault fault, int hits) throws IOException {
        var job = begun(StageName.PROFILE);

        stack.storeProxy().fault(which, fault);
        stack.storeProxy().awaitHits(hits);
        stack.storeProxy().heal();

        stack.awaitUndisturbed(job, SmallJob.TINY);
    }

    private static Predicate<Request> puts(String end) {
        return request -> request.isPut(end);
    }

    private static Predicate<Request> gets(String end) {
        return request -> request.isGet(end);
    }

    /** A job that is in a stage, and whose services have nothing of it yet. */
    private String begun(StageName stage) throws IOException {
        stack.undisturbed(SmallJob.TINY);
        stack.forgetCaches();
        var job = stack.submit(SmallJob.TINY);
        stack.events().awaitWork(0, job, stage);
        return job;
    }
}
