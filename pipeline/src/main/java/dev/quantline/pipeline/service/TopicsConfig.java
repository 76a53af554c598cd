package dev.quantline.pipeline.service;

import dev.quantline.pipeline.event.Topics;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** The topics. */
@ConfigMapping(prefix = "quantline.topics")
public interface TopicsConfig {
    /** What every topic's and consumer group's name begins with. */
    @WithDefault(Topics.DEFAULT_PREFIX)
    String prefix();

    /** Partitions of a topic that is created because it is missing. */
    @WithDefault("8")
    int partitions();

    /** The same of a stage's topic of work: at most so many replicas of the stage have something to do. */
    @WithDefault("64")
    int workPartitions();

    /** How long a topic that is created because it is missing keeps its records. */
    @WithDefault("7d")
    Duration retention();

    /** Whether missing topics are created; if not, a service waits for them. */
    @WithDefault("true")
    boolean create();
}
