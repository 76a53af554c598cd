package dev.quantline.pipeline.event;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quantline.onnx.Escaped;
import dev.quantline.onnx.runtime.Progress.Learning;
import dev.quantline.pipeline.job.ObjectRef;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class EventCodecTest {
    private static final String HASH = "0123456789abcdef".repeat(4);
    private static final ObjectRef MANIFEST = ObjectRef.parse("s3://quantline/jobs/a/tune/h/manifest.json");

    static Stream<Event> events() {
        return Stream.of(
                new Event.Completed(
                        "a",
                        StageName.TUNE,
                        MANIFEST,
                        Map.of("model.onnx", MANIFEST),
                        Json.MAPPER.createObjectNode().put("layers", 3),
                        new Event.Seconds(9, 8, 0.5, 0.5)),
                new Event.Progress("a", StageName.PROFILE, 12.5, "shard 1 of 8"),
                new Event.Progress(
                        "a",
                        StageName.TUNE,
                        40,
                        "reconstruct 1 of 6: step 50 of 300",
                        Optional.of(new Learning("encoder.0", 50, 300, 0.01, null)),
                        Optional.of(new Event.Attempt("machine-4711", 2, 1_795_879_725_000L))),
                new Event.Failed("a", "submit", "recipe: unknown", false),
                new Event.Cancel("a"),
                new Event.Work("a", StageName.EXPORT, HASH, 3, 1),
                new Event.WorkDone("a", StageName.CALIBRATE, HASH, 3));
    }

    @ParameterizedTest
    @MethodSource("events")
    void everyEventSurvivesItsRecord(Event event) {
        assertEquals(event, EventCodec.decode(EventCodec.encode(event)));
    }

    @ParameterizedTest
    @MethodSource("events")
    void whatANewerMinorVersionSaysBesidesIsIgnored(Event event) throws IOException {
        var newer = (ObjectNode) Json.MAPPER.readTree(EventCodec.encode(event));
        newer.put("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        ((ObjectNode) newer.get("data")).put("later", 1).putObject("more").put("x", "y");

        assertEquals(event, EventCodec.decode(Json.bytes(newer)));
    }

    @Test
    void whatComesFromAModelActsNeitherInARecordNorWhenAReaderPrintsIt() {
        var name = "\u001b[2J\u202e\u009b\n\ud800<script>";
        var harmless = "\\u001b[2J\\u202e\\u009b\\u000a\\ud800<script>";
        var failed = new Event.Failed("a", "tune", "node '" + name + "'", false);
        var progress = new Event.Progress("a", StageName.TUNE, 1, name);
        assertEquals(harmless, new Event.Attempt(name, 1, 0).replica());
        var done = new Event.Completed(
                "a",
                StageName.TUNE,
                MANIFEST,
                Map.of(),
                Json.MAPPER.createObjectNode().put("layer", name.replace("\ud800", "")),
                new Event.Seconds(9, 8, 0.5, 0.5));

        assertEquals("node '" + harmless + "'", failed.reason());
        assertEquals(harmless, progress.message());
        for (var event : List.of(failed, progress, done)) {
            var record = EventCodec.encode(event);
            var text = new String(record, StandardCharsets.UTF_8);
            assertEquals(Escaped.text(text), text);
            assertEquals(event, EventCodec.decode(record));
        }
        var stored = new String(Json.bytes(Map.of("name", name)), StandardCharsets.UTF_8);
        assertEquals(Escaped.text(stored), stored);
        assertEquals(
                name, Json.read(Json.bytes(Map.of("name", name)), Map.class).get("name"));
    }

    @Test
    void aFieldThatIsThereTwiceIsNotReadAsEither() {
        var bare = "{\"id\": \"a\", \"recipe\": \"int8\", \"recipe\": \"w4a4\"}";
        var wrapped = "{\"specversion\": \"1.0\", \"id\": \"1\", \"source\": \"/me\", \"type\": \"t\", \"data\": "
                + bare + "}";

        for (var request : List.of(bare, wrapped)) {
            var refusal = assertThrows(Unreadable.class, () -> EventCodec.jobRequest(request.getBytes()));
            assertTrue(refusal.getMessage().contains("Duplicate field 'recipe'"), refusal.getMessage());
        }
    }

    @Test
    void aStageEventIsACloudEventAboutItsJob() throws IOException {
        var event = events().findFirst().orElseThrow();

        var json = Json.MAPPER.readTree(EventCodec.encode(event));

        assertEquals("1.0", json.path("specversion").asText());
        assertEquals("dev.quantline.tuned.v1", json.path("type").asText());
        assertEquals("a", json.path("subject").asText());
        assertEquals("tune", json.at("/data/stage").asText());
        assertEquals("quantline.tuned", new Topics(Topics.DEFAULT_PREFIX).of(event));
    }

    @Test
    void aRequestIsReadBareAndInsideACloudEvent() {
        var bare = "{\"id\": \"a\"}";
        var wrapped = "{\"specversion\": \"1.0\", \"id\": \"1\", \"source\": \"/me\", \"type\": \"t\", \"data\": "
                + bare + "}";

        assertEquals(EventCodec.jobRequest(bare.getBytes()), EventCodec.jobRequest(wrapped.getBytes()));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "no json",
                "[]",
                "{\"specversion\": \"1.0\", \"id\": \"1\"}",
                "{\"specversion\": \"1.0\", \"id\": \"1\", \"source\": \"/me\", \"type\": \"t\"}"
            })
    void whatIsNoRequestIsUnreadable(String value) {
        assertThrows(Unreadable.class, () -> EventCodec.jobRequest(value.getBytes()));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            com.example.other         | {}
            dev.quantline.lost.v1     | {}
            dev.quantline.cancel.v1   | {}
            dev.quantline.cancel.v1   | null
            dev.quantline.tuned.v1    | {"job": "a", "stage": "tune"}
            dev.quantline.work.v1     | {"job": 7, "item": []}
            dev.quantline.work.v1     | {"job": "a", "stage": "tune", "hash": "../../x"}
            """)
    void whatIsNoEventIsUnreadable(String type, String data) {
        var value = "{\"specversion\": \"1.0\", \"id\": \"1\", \"source\": \"/me\", \"type\": \"%s\", \"data\": %s}"
                .formatted(type, data);

        assertThrows(Unreadable.class, () -> EventCodec.decode(value.getBytes()));
    }

    @Test
    void aBareObjectIsNoEvent() {
        assertThrows(Unreadable.class, () -> EventCodec.decode("{\"id\": \"a\"}".getBytes()));
    }
}
