package dev.quantline.console.command;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.quantize.settings.Json;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** What a float model is told about before anything is run. */
class InspectCommandTest {
    @TempDir
    Path folder;

    @Test
    void everyTypeOfOperatorIsToldWhatBecomesOfIt() throws Exception {
        // Given a network of convolutions
        var file = write(Networks.conv(1));
        // When it is inspected
        var said = Said.by("inspect", file.toString());
        // Then its products are on integer kernels and what stands between them on codes
        assertEquals(0, said.code(), said.err());
        assertTrue(said.out().contains("int8 would turn it into a file of about "), said.out());
        for (var row : List.of(
                "Conv +4 +4 +0 +0 +0",
                "Relu +4 +0 +4 +0 +0",
                "Add +1 +0 +1 +0 +0",
                "MaxPool +1 +0 +1 +0 +0",
                "Gemm +1 +1 +0 +0 +0")) {
            assertTrue(said.out().lines().anyMatch(line -> line.matches(row)), row + "\n" + said.out());
        }
    }

    @Test
    void whatStaysFloatSaysWhy() throws Exception {
        // Given a transformer, one product of which is to stay float
        var file = write(Networks.transformer(1));
        var product = Networks.transformer(1).nodes().stream()
                .filter(node -> node.is("MatMul"))
                .findFirst()
                .orElseThrow();
        var recipe = Files.writeString(
                folder.resolve("recipe.json"),
                Json.MAPPER
                        .createObjectNode()
                        .put("preset", "int8")
                        .set("exclude", Json.MAPPER.createArrayNode().add(product.output()))
                        .toString());
        // When it is inspected with that recipe, as text and as JSON
        var text = Said.by("inspect", file.toString(), "--recipe", recipe.toString());
        var json = Json.MAPPER.readTree(Said.by("inspect", file.toString(), "--recipe", recipe.toString(), "--json")
                .out());
        // Then the reasons are there
        assertTrue(
                text.out()
                        .lines()
                        .anyMatch(line -> line.startsWith("MatMul") && line.endsWith("excluded by the recipe")),
                text.out());
        assertTrue(
                text.out().lines().anyMatch(line -> line.startsWith("Softmax") && line.endsWith("no integer kernel")),
                text.out());
        assertEquals(
                1,
                json.at("/prospect/outlook/operators")
                        .valueStream()
                        .filter(one -> one.path("name").asText().equals("MatMul"))
                        .findFirst()
                        .orElseThrow()
                        .at("/floating/excluded by the recipe")
                        .asInt());
    }

    @Test
    void theGuessedSizeFollowsTheWidths() throws Exception {
        var file = write(Networks.mlp(1));
        assertTrue(bytes(file, "w4a8") < bytes(file, "int8"));
        assertTrue(bytes(file, "int8") < Files.size(file));
        assertEquals(0, integer(file, "weights4"));
        assertEquals(3, integer(file, "int8"));
    }

    @Test
    void whatCannotBeTakenSaysWhyNot() throws Exception {
        // Given a model without anything to quantize
        var graph = Graph.empty(17);
        graph.inputs().add(ValueInfos.of("x", DataType.FLOAT, 1, 4));
        graph.outputs().add(ValueInfos.of("y", DataType.FLOAT, 1, 4));
        graph.nodes().add(Node.of("Exp", List.of("x"), "y"));
        // When it is inspected
        var said = Said.by("inspect", write(graph).toString());
        // Then it says so, as the first stage would
        assertEquals(0, said.code(), said.err());
        assertTrue(
                said.out()
                        .contains(
                                "int8 cannot quantize it: the model has nothing to quantize: no MatMul, Gemm or Conv"),
                said.out());
        assertFalse(said.out().contains("would turn it into a file"), said.out());
    }

    private int integer(Path file, String recipe) throws Exception {
        return outlook(file, recipe)
                .path("operators")
                .valueStream()
                .mapToInt(one -> one.path("integer").asInt())
                .sum();
    }

    private long bytes(Path file, String recipe) throws Exception {
        return outlook(file, recipe).path("bytes").asLong();
    }

    private JsonNode outlook(Path file, String recipe) throws Exception {
        return Json.MAPPER
                .readTree(Said.by("inspect", file.toString(), "--recipe", recipe, "--json")
                        .out())
                .at("/prospect/outlook");
    }

    private Path write(Graph graph) throws Exception {
        var file = folder.resolve("net.onnx");
        ModelFile.write(graph, file);
        return file;
    }
}
