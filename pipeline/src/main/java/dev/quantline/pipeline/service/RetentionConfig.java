package dev.quantline.pipeline.service;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** What ended jobs leave, and for how long. */
@ConfigMapping(prefix = "quantline.retention")
public interface RetentionConfig {
    /** How long after its end a job keeps its intermediate objects. */
    @WithDefault("7d")
    Duration jobs();

    /** How often this service looks for such jobs; never unless it says so. */
    @WithDefault("0s")
    Duration every();
}
