package dev.quantline.pipeline.store;

/**
 * The keys of the store's layout.
 * <pre>
 * jobs/&lt;id&gt;/job.json                                  the request, complete; created once
 * waiting/&lt;id&gt;                                        present while the job is not done, failed or cancelled
 * jobs/&lt;id&gt;/cancelled.json                            present once the job is to stop
 * jobs/&lt;id&gt;/cleaned.json                             present once intermediate objects were removed
 * jobs/&lt;id&gt;/failed.json                               the latest failure, for people and listings
 * jobs/&lt;id&gt;/&lt;stage&gt;/&lt;hash&gt;/order.json                 inputs with their hashes, settings and items; created once
 * jobs/&lt;id&gt;/&lt;stage&gt;/&lt;hash&gt;/parts/0003/…               one item's files, part.json last; created once
 * jobs/&lt;id&gt;/&lt;stage&gt;/&lt;hash&gt;/parts/0003/slices/0001/…   a long item's checkpoint, part.json last
 * jobs/&lt;id&gt;/&lt;stage&gt;/&lt;hash&gt;/…/attempts/1            an attempt under way, or one that ended with its process
 * jobs/&lt;id&gt;/&lt;stage&gt;/&lt;hash&gt;/manifest.json              the stage is done; created once, last
 * jobs/&lt;id&gt;/export/model.onnx, report.json, …         what the user came for
 * </pre>
 */
public final class Keys {
    public static final String JOBS = "jobs/";

    private Keys() {}

    public static String request(String job) {
        return JOBS + job + "/job.json";
    }

    /** Holds what {@link #waiting} names. */
    public static final String WAITING = "waiting/";

    public static String waiting(String job) {
        return WAITING + job;
    }

    public static String cancelled(String job) {
        return JOBS + job + "/cancelled.json";
    }

    public static String cleaned(String job) {
        return JOBS + job + "/cleaned.json";
    }

    public static String failed(String job) {
        return JOBS + job + "/failed.json";
    }

    /** The folder of the stage's results, one for each hash of what they depend on; ends with a slash. */
    public static String stage(String job, String stage, String hash) {
        return JOBS + job + "/" + stage + "/" + hash + "/";
    }

    public static String order(String stageFolder) {
        return stageFolder + "order.json";
    }

    public static String manifest(String stageFolder) {
        return stageFolder + "manifest.json";
    }

    /** The folder of one item's files. */
    public static String part(String stageFolder, int item) {
        return "%sparts/%04d/".formatted(stageFolder, item);
    }

    /** The folder of the checkpoint a long item leaves after its given number of time slices. */
    public static String slice(String partFolder, int slice) {
        return "%sslices/%04d/".formatted(partFolder, slice);
    }

    /** The folder of what makes the stage's order. */
    public static String plan(String stageFolder) {
        return stageFolder + "plan/";
    }

    /** The attempts at the work whose folder this is. */
    public static String attempts(String folder) {
        return folder + "attempts/";
    }

    /** One attempt, counted from 1. */
    public static String attempt(String folder, int number) {
        return attempts(folder) + number;
    }

    /** Says that a part or a slice is complete. */
    public static String partManifest(String partOrSliceFolder) {
        return partOrSliceFolder + "part.json";
    }

    /** Where the last stage's files are found without knowing any hash. */
    public static String delivered(String job, String stage, String file) {
        return JOBS + job + "/" + stage + "/" + file;
    }
}
