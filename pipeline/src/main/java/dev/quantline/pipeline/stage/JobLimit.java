package dev.quantline.pipeline.stage;

import com.sun.management.OperatingSystemMXBean;
import dev.quantline.onnx.Limit;
import java.lang.management.ManagementFactory;
import java.util.Locale;

/**
 * What one job, and one item of it, may take of a service. Set as {@link Limit} describes: by the property
 * {@code quantline.limit.NAME} of the Java virtual machine or the environment variable {@code QUANTLINE_LIMIT_NAME}.
 */
public enum JobLimit {
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

    /** The limit in force. @throws dev.quantline.onnx.BadInput when what was set is no whole number above 0 */
    public long value() {
        return Limit.stated(setting(), standard);
    }

    /** The system property that sets it. */
    public String property() {
        return Limit.PROPERTIES + setting();
    }

    /** What a refusal says of a limit: its value, and how to set another. */
    public String words() {
        return "the limit is " + value() + " (" + property() + ")";
    }

    private String setting() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    private static long memory() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getTotalMemorySize();
    }
}
