package dev.quantline.deploy;

import dev.quantline.fixture.Checkout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** The files that are made from {@code values.yaml} say what it says. First, since templates read one of them. */
@Order(1)
class GeneratedFilesTest {
    private static final Pattern TABLE = Pattern.compile("(?<=<!-- values -->\n).*(?=<!-- end -->)", Pattern.DOTALL);
    private ValuesReference reference;

    @BeforeEach
    void read() throws IOException {
        reference = new ValuesReference(ValuesFile.read(Chart.FOLDER.resolve("values.yaml")));
    }

    @Test
    void theSchema() throws IOException {
        Expected.at(Chart.FOLDER.resolve("values.schema.json")).is(reference.schema());
    }

    @Test
    void theNamesThatTemplatesKnow() throws IOException {
        Expected.at(Chart.FOLDER.resolve("files/known-values.yaml")).is(reference.knownValues());
    }

    @Test
    void imagesHaveTheVersionOfTheProject() throws IOException {
        var pom = Files.readString(Checkout.root().resolve("pom.xml"));
        var version = pom.substring(pom.indexOf("<version>") + 9, pom.indexOf("</version>"));

        assertEquals(version, Chart.appVersion());
        assertTrue(Files.readString(Checkout.root().resolve("deploy/compose.yaml"))
                .contains("quantline/tuner:${QUANTLINE_VERSION:-" + version + "}"));
    }

    @Test
    void theTableOfReadme() throws IOException {
        Path readme = Chart.FOLDER.resolve("README.md");
        var text = TABLE.matcher(Files.readString(readme));
        Expected.at(readme).is(text.replaceFirst(Matcher.quoteReplacement(reference.table())));
    }
}
