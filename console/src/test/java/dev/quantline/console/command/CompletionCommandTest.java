package dev.quantline.console.command;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class CompletionCommandTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource({"quanti, 1, quantize", "quantize --reci, 2, --recipe", "data che, 2, check"})
    void bashCompletesCommandsAndOptions(String words, int at, String expected) throws Exception {
        // Given the script
        var script = Files.writeString(
                folder.resolve("completion"), Said.by("completion", "bash").out());
        // When bash is to complete a word with it
        var bash = new ProcessBuilder("bash", "-c", """
                . %s; COMP_WORDS=(quantline %s); COMP_CWORD=%d; _complete_quantline; echo ${COMPREPLY[*]}""".formatted(script, words, at))
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        // Then it is the one that begins so
        assertEquals(expected, new String(bash.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip());
    }

    @Test
    void zshTurnsItsCompletionOnFirst() {
        var said = Said.by("completion", "zsh");
        assertTrue(
                said.out().startsWith("autoload -Uz compinit && compinit\n"),
                said.out().substring(0, 200));
        assertTrue(said.out().contains("bashcompinit"));
        assertEquals(2, Said.by("completion", "fish").code());
    }
}
