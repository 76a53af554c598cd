package dev.quantline.pipeline.stage;

import com.sun.management.OperatingSystemMXBean;
import dev.quantline.onnx.Bound;
import java.lang.management.ManagementFactory;

/** What one job, and one item of it, may take of a service. */
public enum JobLimit implements Bound {
    /** Bytes of memory of the process that an item runs in; by default four fifths of the machine's, or of the container's. */
    ITEM_MEMORY(memory() / 5 * 4),
    /** Seconds of one item, or of one time slice of it. */
    ITEM_SECONDS(14_400),
    /** Seconds for which an item may report no progress. */
    SILENT_SECONDS(300),
    /** Seconds of work of one job, all its items on all replicas added up; waiting does not count. */
    JOB_SECONDS(604_800),
    /** Bytes of the files that one item leaves. */
    ITEM_BYTES(68_719_476_736L),
    /** Jobs that were accepted and have not ended; more are refused until some have. */
    JOBS_WAITING(10_000),
    /** Bytes of one record; what is longer is put aside unread. */
    EVENT_BYTES(1_048_576),
    /** How often the process of an item may die of it before the job fails. */
    ITEM_DEATHS(3),
    /** How often a service may be lost, by a kill or with its machine, while it works on an item. */
    ITEM_LOSSES(10);

    private final long standard;

    JobLimit(long standard) {
        this.standard = standard;
    }

    @Override
    public long standard() {
        return standard;
    }

    private static long memory() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getTotalMemorySize();
    }
}
