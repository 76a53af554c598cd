package dev.quantline.console.command;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Option;

/** How to quantize. */
final class RecipeOption {
    @Option(
            names = "--recipe",
            paramLabel = "NAME|FILE",
            description = "a preset (default: int8) or a JSON file with a recipe object")
    private String recipe;

    /** A file's content, or a preset; empty where none is named. */
    Optional<JsonNode> named() throws IOException {
        if (recipe == null) {
            return Optional.empty();
        }
        var file = Path.of(recipe);
        return Optional.of(
                Files.isRegularFile(file) || recipe.endsWith(".json")
                        ? SubmitCommand.json(file)
                        : TextNode.valueOf(recipe));
    }
}
