package dev.quantline.pipeline.service;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.nio.file.Path;
import java.time.Duration;

/** The local machine. */
@ConfigMapping(prefix = "quantline.work")
public interface WorkConfig {
    /** Holds work in progress and the cache of contents; may be lost at any time. */
    @WithDefault("${java.io.tmpdir}/quantline")
    Path folder();

    /** Beyond this the least recently used contents are deleted from the cache. */
    @WithDefault("10737418240")
    long cacheBytes();

    /** Bytes of memory for activations that a stage keeps for later; the rest goes to the folder. */
    @WithDefault("536870912")
    long memoryBytes();

    /** Where models run: {@code cpu}, {@code cpu:THREADS}, {@code cuda}, {@code cuda:DEVICE} or {@code cuda:DEVICE:MEGABYTES}. */
    @WithDefault("cpu")
    String provider();

    /** Whether a stage's own code, and the native code it calls, runs in a process of its own. */
    @WithDefault("true")
    boolean isolated();

    /**
     * Jobs that one process works on at the same time, an item of each, over all stages that run in it. An item uses every core: two jobs
     * take as long as one after the other, but a short one does not wait for a long item of another.
     */
    @WithDefault("2")
    int jobsAtOnce();

    /**
     * How long another replica waits for the item under way when it takes over the item's partition, so that it need not do the item again.
     */
    @WithDefault("2m")
    Duration handOver();

    /** How long a process that is stopped waits for the item under way; an item cut short is delivered again. */
    @WithDefault("10s")
    Duration farewell();

    /** The service counts as dead when what it has in hand has not moved for so long. */
    @WithDefault("30m")
    Duration stuckAfter();
}
