package dev.quantline.gradient;

import dev.quantline.gradient.rules.Rules;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;

/** The operator table in the documentation names exactly the operators with a row in the code. */
class OperatorTableTest {
    @Test
    void documentationNamesEveryOperatorWithARow() throws IOException {
        var documentation = Files.readString(Path.of("../docs/gradient.md"));
        var table = documentation.substring(
                documentation.indexOf("| operator |"), documentation.indexOf("## Adding an operator"));

        var documented = new TreeSet<String>();
        table.lines()
                .skip(2)
                .filter(line -> line.startsWith("|"))
                .map(line -> line.split("\\|")[1])
                .forEach(operators -> Pattern.compile("`(\\w+)`")
                        .matcher(operators)
                        .results()
                        .forEach(name -> documented.add(name.group(1))));

        assertEquals(new TreeSet<>(Rules.operators().keySet()), documented);
    }
}
