package dev.quantline.console.client;

import dev.quantline.pipeline.stage.UnderWay;
import java.util.List;

/**
 * Where a job stands, as the store shows it.
 *
 * @param id the job
 * @param state {@code running}, {@code done}, {@code failed} or {@code cancelled}
 * @param stage the last stage that began
 * @param work  what of that stage is being worked on, and by whom
 */
public record JobState(String id, String state, String stage, List<UnderWay> work) {}
