package dev.quantline.pipeline.job;

import dev.quantline.fixture.Checkout;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;

/** The table of a recipe's fields in docs/job.md is the one that the schema gives: what this test expects belongs there. */
class DocumentedFieldsTest {
    private static final String RECIPE = "recipe.";
    private static final String HEAD = "| field | values | default | what it does |\n|---|---|---|---|\n";

    @Test
    void theTableIsTheSchemas() throws IOException {
        var page = Files.readString(Checkout.root().resolve("docs/job.md"));
        int begin = page.indexOf(HEAD) + HEAD.length();
        var fields = JobField.all();

        assertEquals(
                fields.stream()
                        .filter(field -> field.path().startsWith(RECIPE))
                        .filter(field -> !field.type().equals("object")
                                || fields.stream().noneMatch(field::has))
                        .map(DocumentedFieldsTest::row)
                        .collect(Collectors.joining()),
                page.substring(begin, page.indexOf("\n\n", begin) + 1));
    }

    private static String row(JobField field) {
        return "| `%s` | %s | %s | %s |\n"
                .formatted(
                        field.path().substring(RECIPE.length()),
                        values(field),
                        field.presets().isEmpty()
                                ? field.standard()
                                        .map(DocumentedFieldsTest::code)
                                        .orElse("")
                                : "by preset",
                        field.description());
    }

    private static String values(JobField field) {
        var choices = field.type().equals("boolean") ? List.of("false", "true") : field.values();
        var words = choices.stream().map(DocumentedFieldsTest::code).collect(Collectors.joining(", "));
        var limits = String.join(", ", field.limits()).replaceFirst("of the form (\\S+)", "of the form `$1`");
        return words.isEmpty()
                ? limits.isEmpty() ? field.type() : field.type() + ", " + limits
                : field.type().startsWith("list") ? "some of " + words : words;
    }

    private static String code(String value) {
        return "`" + value.replace("\"", "") + "`";
    }
}
