package dev.quantline.console.client;

/**
 * Where a job stands, as the store shows it.
 *
 * @param id the job
 * @param state {@code running}, {@code done}, {@code failed} or {@code cancelled}
 * @param stage the last stage that began
 */
public record JobState(String id, String state, String stage) {}
