package dev.quantline.quantize.export;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quantline.onnx.Escaped;
import dev.quantline.quantize.fixture.ReportSchema;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** A report as JSON: read back, read from other versions, checked against its schema. */
class ReportTest {
    @TempDir
    private Path folder;

    private Report read(String json) throws IOException {
        return Report.read(Files.writeString(folder.resolve("report.json"), json));
    }

    @Test
    void everyFieldIsReadBackAndKeepsTheSchema() throws IOException {
        for (var report : List.of(Reports.int8(), Reports.mixedMissed())) {
            assertEquals(report, read(report.toJson()));
            assertEquals(List.of(), ReportSchema.faults(report.toJson()));
        }
    }

    @Test
    void neitherFileHoldsACharacterThatActs() {
        var report = Reports.mixedMissed();
        var page = report.toHtml(Reports.gallery());
        var data = page.substring(page.indexOf("const report = {"), page.indexOf("// Writes the report"));

        assertEquals(Escaped.lines(report.toJson()), report.toJson());
        assertEquals(Escaped.lines(data), data);
        assertFalse(data.contains("<"), data);
    }

    @Test
    void theSchemaNoticesAFieldItDoesNotKnowAndOneThatIsMissing() throws IOException {
        var json = (ObjectNode) new ObjectMapper().readTree(Reports.int8().toJson());
        json.put("later", 1).remove("kernels");

        assertEquals(2, ReportSchema.faults(json.toString()).size());
    }

    @Test
    void reportsOfOtherVersionsAreRead() throws IOException {
        // Given a report of an earlier version and one of a later version
        var report = Reports.int8();
        var json = (ObjectNode) new ObjectMapper().readTree(report.toJson());
        json.put("later", 1).withObject("/processor").put("later", 1);
        json.remove(List.of("judged", "usage", "asked", "notes"));
        json.get("layers").forEach(layer -> ((ObjectNode) layer).remove(List.of("weightError", "inputSqnrDb")));

        // When
        var read = read(json.toString());

        // Then what both versions know is there, and the rest is empty
        assertEquals(report.quantized(), read.quantized());
        assertEquals(List.of(), read.notes());
        assertNull(read.usage());
        assertNull(read.layers().getFirst().weightError());
        assertTrue(read.toHtml(ReportPlots.EMPTY).contains("const report = {"));
        assertFalse(read.toJson().contains("\"later\""));
        assertEquals(List.of(), read("{}").layers());
    }
}
