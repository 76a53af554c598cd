package dev.quantline.console;

import dev.quantline.fixture.Checkout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

/** What {@code .ci/release --dry-run} finds out before it builds, in a repository of two poms. */
class ReleaseScriptTest {
    @TempDir
    Path folder;

    private Path project;

    private record Said(int code, String text) {}

    @BeforeEach
    void aRepository() throws Exception {
        project = Files.createDirectories(folder.resolve("a project"));
        assumeTrue(run("git", "--version").code() == 0, "git is not on this machine");
        Files.writeString(project.resolve("pom.xml"), """
                <project>
                  <version>1.2.3-SNAPSHOT</version>
                  <project.build.outputTimestamp>2020-01-01T00:00:00Z</project.build.outputTimestamp>
                </project>
                """);
        Files.writeString(
                Files.createDirectories(project.resolve("onnx")).resolve("pom.xml"),
                "<project><parent><version>1.2.3-SNAPSHOT</version></parent></project>");
        Files.writeString(project.resolve("CHANGELOG.md"), """
                # Changelog

                ## 1.2.3 - 2026-11-28
                - Faster.
                - Smaller.

                ## 1.2.2
                - Older.
                """);
        Files.createDirectories(project.resolve(".ci"));
        Files.copy(Checkout.root().resolve(".ci/release"), project.resolve(".ci/release"));
        assertTrue(project.resolve(".ci/release").toFile().setExecutable(true));
        git("init", "-q");
        commit();
    }

    @Test
    void itSaysWhatWouldBeTaggedAndKeepsTheSectionAsNotes() throws Exception {
        // When a release is tried
        var said = run(".ci/release", "--dry-run", "--no-build", "--out", "out", "1.2.3");
        // Then tag and commit are named, the archives' time is the commit's, and the section lies there
        assertEquals(0, said.code(), said.text());
        assertTrue(said.text().contains("1.2.3-SNAPSHOT -> 1.2.3, archives dated 2026-11-28T01:02:03Z"), said.text());
        assertTrue(
                said.text()
                        .contains("tag       v1.2.3 on "
                                + git("rev-parse", "HEAD").text().strip()),
                said.text());
        assertEquals(List.of("- Faster.", "- Smaller.", ""), Files.readAllLines(project.resolve("out/notes.md")));
        // and nothing in the checkout has changed
        assertEquals("?? out/", git("status", "--porcelain").text().strip());
        assertEquals("", git("tag").text());
    }

    @Test
    void aVersionThatTheChangeLogDoesNotKnowIsRefused() throws Exception {
        var said = run(".ci/release", "--dry-run", "--no-build", "1.2.4");

        assertEquals(1, said.code());
        assertTrue(said.text().contains("CHANGELOG.md has no section '## 1.2.4'"), said.text());
    }

    @Test
    void aVersionThatIsNoneIsRefused() throws Exception {
        for (var version : List.of("v1.2.3", "1.2", "1.2.3-SNAPSHOT")) {
            assertEquals(
                    1, run(".ci/release", "--dry-run", "--no-build", version).code(), version);
        }
    }

    @Test
    void aTagThatIsThereIsRefused() throws Exception {
        git("tag", "v1.2.3");

        var said = run(".ci/release", "--dry-run", "--no-build", "1.2.3");

        assertEquals(1, said.code());
        assertTrue(said.text().contains("v1.2.3 is tagged already"), said.text());
    }

    @Test
    void aPomThatKeepsTheSnapshotIsRefused() throws Exception {
        // Given a pom that writes the version where nobody looks for it
        Files.writeString(project.resolve("onnx/pom.xml"), "<project><tag>v1.2.3-SNAPSHOT</tag></project>");
        commit();
        // When a release is tried
        var said = run(".ci/release", "--dry-run", "--no-build", "1.2.3");
        // Then the line is named
        assertEquals(1, said.code());
        assertTrue(said.text().contains("onnx/pom.xml:1:"), said.text());
    }

    @Test
    void withoutDryRunItOnlySaysHowItIsCalled() throws Exception {
        var said = run(".ci/release", "1.2.3");

        assertEquals(1, said.code());
        assertTrue(said.text().contains("usage: .ci/release --dry-run"), said.text());
        assertFalse(Files.exists(project.resolve("out")));
    }

    private void commit() throws Exception {
        git("add", ".");
        git("commit", "-q", "-m", "state");
    }

    private Said git(String... words) throws Exception {
        var command = new ArrayList<>(List.of("git", "-c", "user.name=Nobody", "-c", "user.email=nobody@example.org"));
        command.addAll(List.of(words));
        return run(command.toArray(String[]::new));
    }

    private Said run(String... command) throws IOException, InterruptedException {
        var builder = new ProcessBuilder(command).directory(project.toFile()).redirectErrorStream(true);
        builder.environment()
                .putAll(Map.of(
                        "GIT_COMMITTER_DATE",
                        "2026-11-28T02:02:03+0100",
                        "GIT_AUTHOR_DATE",
                        "2026-11-28T02:02:03+0100"));
        var process = builder.start();
        var text = new String(process.getInputStream().readAllBytes());
        assertTrue(process.waitFor(30, TimeUnit.SECONDS));
        return new Said(process.exitValue(), text);
    }
}
