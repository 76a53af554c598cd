package dev.quantline.exporter;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class JobReportTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "net.onnx",
                "my net's.onnx",
                "$(touch pwned)`id`;&|<>\"\\",
                "\u001b[2J\u202e\ntouch pwned 'quoted' \\ \\u0041 $HOME"
            })
    void aShellReadsAWordAsItWasAndNothingInItActsBefore(String word) throws Exception {
        var quoted = JobReport.quoted(word);
        var shell = new ProcessBuilder("bash", "-c", "printf %s " + quoted);
        shell.environment().put("LC_ALL", "C.UTF-8");
        var process = shell.start();

        assertEquals(word, new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
        assertTrue(quoted.chars().allMatch(character -> character >= ' ' && character <= '~'), quoted);
    }
}
