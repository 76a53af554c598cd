package dev.quantline.pipeline.process;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.pipeline.stage.Item;
import dev.quantline.pipeline.stage.Outcome;
import dev.quantline.quantize.settings.Json;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What a child says, one line of JSON each. */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "is")
@JsonSubTypes({
    @JsonSubTypes.Type(value = Message.Ready.class, name = "ready"),
    @JsonSubTypes.Type(value = Message.Report.class, name = "report"),
    @JsonSubTypes.Type(value = Message.HandOver.class, name = "handOver"),
    @JsonSubTypes.Type(value = Message.Items.class, name = "items"),
    @JsonSubTypes.Type(value = Message.Done.class, name = "done"),
    @JsonSubTypes.Type(value = Message.Paused.class, name = "paused"),
    @JsonSubTypes.Type(value = Message.Refused.class, name = "refused"),
    @JsonSubTypes.Type(value = Message.OutOfMemory.class, name = "outOfMemory"),
    @JsonSubTypes.Type(value = Message.Broken.class, name = "broken")
})
sealed interface Message {
    /** The child takes assignments. */
    record Ready() implements Message {}

    /** {@link Progress#report}. */
    record Report(double fraction, String message, Optional<Progress.Learning> learning) implements Message {}

    /** {@link dev.quantline.pipeline.stage.StageContext#handOver}. */
    record HandOver(Path file) implements Message {}

    /** The answer to {@link Assignment.Task#ITEMS}. */
    record Items(List<Item> items) implements Message {}

    /** {@link Outcome.Done}. */
    record Done(Map<String, Path> files, JsonNode summary) implements Message {}

    /** {@link Outcome.Continue}. */
    record Paused(Map<String, Path> checkpoint) implements Message {}

    /** The stage threw {@link dev.quantline.onnx.BadInput}. */
    record Refused(String reason) implements Message {}

    /** The heap or native memory was not enough. */
    record OutOfMemory(String reason) implements Message {}

    /**
     * The stage failed otherwise.
     *
     * @param disk  whether reading or writing a file failed
     * @param trace the stack trace in the child
     */
    record Broken(boolean disk, String reason, String trace) implements Message {}

    /** The line without its end. */
    default byte[] line() {
        return Json.bytes(this);
    }
}
