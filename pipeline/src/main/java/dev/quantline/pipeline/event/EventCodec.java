package dev.quantline.pipeline.event;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quantline.onnx.Escaped;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.quantize.settings.Json;
import io.cloudevents.CloudEvent;
import io.cloudevents.core.builder.CloudEventBuilder;
import io.cloudevents.core.format.EventDeserializationException;
import io.cloudevents.jackson.JsonCloudEventData;
import io.cloudevents.jackson.JsonFormat;
import io.cloudevents.rw.CloudEventRWException;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.UUID;

/** Converts events to CloudEvents 1.0 in structured JSON and back. */
public final class EventCodec {
    /** The record header {@code content-type} that says so. */
    public static final String CONTENT_TYPE = JsonFormat.CONTENT_TYPE;

    private static final JsonFormat FORMAT = new JsonFormat();
    private static final String TYPE_PREFIX = "dev.quantline.";
    private static final String TYPE_SUFFIX = ".v1";

    private EventCodec() {}

    /** The event as the value of a record. */
    public static byte[] encode(Event event) {
        var word = switch (event) {
            case Event.Completed completed -> completed.stage().completed();
            case Event.Progress _ -> "progress";
            case Event.Failed _ -> "failed";
            case Event.Cancel _ -> "cancel";
            case Event.Work _ -> "work";
            case Event.WorkDone _ -> "work-done";
        };
        return encode(word, event.job(), Json.tree(event));
    }

    /** The request as the value of a record; a bare request is taken as well. */
    public static byte[] encode(JobRequest request) {
        return encode("job", request.id(), Json.tree(request));
    }

    /**
     * Reads any event of the pipeline.
     *
     * @throws Unreadable when the value is not a CloudEvent of a known type that names its job
     */
    public static Event decode(byte[] value) {
        var event = cloudEvent(value);
        var type = event.getType();
        if (!type.startsWith(TYPE_PREFIX) || !type.endsWith(TYPE_SUFFIX)) {
            throw new Unreadable("unknown event type: " + type);
        }
        var word = type.substring(TYPE_PREFIX.length(), type.length() - TYPE_SUFFIX.length());
        var kind = switch (word) {
            case "progress" -> Event.Progress.class;
            case "failed" -> Event.Failed.class;
            case "cancel" -> Event.Cancel.class;
            case "work" -> Event.Work.class;
            case "work-done" -> Event.WorkDone.class;
            default ->
                StageName.completedAs(word)
                        .map(_ -> Event.Completed.class)
                        .orElseThrow(() -> new Unreadable("unknown event type: " + type));
        };
        try {
            Event decoded = Json.MAPPER.treeToValue(data(event), kind);
            if (decoded == null || decoded.job() == null || !JobRequest.isId(decoded.job())) {
                throw new Unreadable("the event names no job: " + type);
            }
            return decoded;
        } catch (JsonProcessingException e) {
            throw new Unreadable("the data of " + type + " cannot be read: " + e.getOriginalMessage(), e);
        }
    }

    /**
     * The job request in a record's value, bare or inside a CloudEvent; its fields are not validated here.
     *
     * @throws Unreadable when the value is not a JSON object
     */
    public static ObjectNode jobRequest(byte[] value) {
        var json = json(value);
        var request = json.has("specversion") ? data(cloudEvent(value)) : json;
        if (request instanceof ObjectNode object) {
            return object;
        }
        throw new Unreadable("a job request must be a JSON object");
    }

    private static byte[] encode(String word, String job, JsonNode data) {
        var json = FORMAT.serialize(CloudEventBuilder.v1()
                .withId(UUID.randomUUID().toString())
                .withSource(URI.create("/quantline"))
                .withType(TYPE_PREFIX + word + TYPE_SUFFIX)
                .withSubject(job)
                .withTime(OffsetDateTime.now(ZoneOffset.UTC))
                .withDataContentType("application/json")
                .withData(JsonCloudEventData.wrap(data))
                .build());
        return Escaped.text(new String(json, StandardCharsets.UTF_8)).getBytes(StandardCharsets.UTF_8);
    }

    private static CloudEvent cloudEvent(byte[] value) {
        try {
            return FORMAT.deserialize(value);
        } catch (EventDeserializationException | CloudEventRWException e) {
            throw new Unreadable("not a CloudEvent in structured JSON: " + e.getMessage(), e);
        }
    }

    private static JsonNode data(CloudEvent event) {
        return event.getData() instanceof JsonCloudEventData json
                ? json.getNode()
                : event.getData() == null
                        ? Json.MAPPER.nullNode()
                        : json(event.getData().toBytes());
    }

    private static JsonNode json(byte[] value) {
        try {
            return Json.stated(value);
        } catch (IOException e) {
            throw new Unreadable("not JSON: " + e.getMessage(), e);
        }
    }
}
