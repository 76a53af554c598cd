package dev.quantline.console.command;

import dev.quantline.console.HostileNetwork;
import dev.quantline.fixture.Checkout;
import dev.quantline.fixture.Data;
import dev.quantline.onnx.ModelFile;
import dev.quantline.quantize.settings.Json;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Names that came with a file are shown, and do nothing to the terminal. */
class HostileNamesTest {
    @TempDir
    Path folder;

    private static Said harmless(int code, String... arguments) {
        var said = Said.by(arguments);
        assertEquals(code, said.code(), said.err());
        HostileNetwork.assertHarmless("standard output", said.out());
        HostileNetwork.assertHarmless("standard error", said.err());
        return said;
    }

    private String model() throws Exception {
        ModelFile.write(HostileNetwork.graph(), folder.resolve("net.onnx"));
        return folder.resolve("net.onnx").toString();
    }

    @Test
    void theFileThatWroteToTheTerminalIsTold() {
        var file = Checkout.shared("cases/hostile/n_esc/model.onnx").toString();

        var said = harmless(0, "inspect", file).out();

        assertTrue(said.contains("b\\u001b]0;PWNED\\u0007\\u001b[2J\\u001b[31mRED\\u000d\\u000aFAKE: done"), said);
    }

    @Test
    void namesOfAModelAreToldAsTextAndSurviveAsJson() throws Exception {
        var text = harmless(0, "inspect", model()).out();
        var json = harmless(0, "inspect", model(), "--json").out();

        assertTrue(
                text.contains("x\\u001b]0;pwn\\u0007\\u001b[2J\\u009b31m\\u202e\\u2066\\u200b\\u2028<script>"), text);
        var name = Json.tree(HostileNetwork.NAME).toString();
        assertTrue(Json.MAPPER.readTree(json).toString().contains(name.substring(1, name.length() - 1)), json);
    }

    @Test
    void namesOfArraysAreTold() throws Exception {
        Data.write(folder.resolve("data.npz"), HostileNetwork.rows(4, 1));
        Data.write(folder.resolve("other.npz"), Data.rows(4, 1));

        var shown = harmless(0, "data", "show", folder.resolve("data.npz").toString())
                .out();
        harmless(0, "data", "show", folder.resolve("data.npz").toString(), "--json");
        var checked = harmless(1, "data", "check", folder.resolve("other.npz").toString(), "--model", model());

        assertTrue(shown.contains("x\\u001b]0;pwn"), shown);
        assertTrue(checked.out().contains("x\\u001b]0;pwn"), checked.out() + checked.err());
    }

    @Test
    void whatIsRefusedIsToldInOneLine() throws Exception {
        // Given a request and words of a command line, all with such names
        var request = Json.MAPPER
                .createObjectNode()
                .put("model", "s3://quantline/m.onnx")
                .put("calibration", "s3://quantline/c.npz")
                .put(HostileNetwork.NAME, 1);
        var file = Files.write(folder.resolve("job.json"), Json.bytes(request));
        // Then each message is one line that goes on behind the name
        for (var arguments : new String[][] {
            {"submit", file.toString()},
            {"explain", HostileNetwork.NAME},
            {"inspect", "none\n\u001b[2J.onnx"},
            {"frob\n\u202enicate"},
            {"quantize", "--dta\u001b[2J=x"}
        }) {
            assertEquals(1, harmless(2, arguments).err().lines().count());
        }
        var refused = Said.by("explain", HostileNetwork.NAME).err();
        assertTrue(refused.strip().endsWith("./quantline explain lists all"), refused);
    }
}
