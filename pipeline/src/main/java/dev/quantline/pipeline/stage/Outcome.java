package dev.quantline.pipeline.stage;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/** How a run of an item ended. */
public sealed interface Outcome {
    /**
     * The item is complete.
     *
     * @param files   by the name they get in the store; must not change any more. An input, or a part's file, may be
     *                among them: it is not stored twice
     * @param summary a few figures for people
     */
    record Done(Map<String, Path> files, JsonNode summary) implements Outcome {
        /** The same with more files. */
        public Done with(Map<String, Path> more) {
            var all = new TreeMap<>(files);
            all.putAll(more);
            return new Done(all, summary);
        }
    }

    /** The time slice is over; any replica continues from the checkpoint, which it gets as {@link StageContext#checkpoint}. */
    record Continue(Map<String, Path> checkpoint) implements Outcome {}
}
