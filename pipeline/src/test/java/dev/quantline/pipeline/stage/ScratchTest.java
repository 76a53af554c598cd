package dev.quantline.pipeline.stage;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

class ScratchTest {
    @TempDir
    Path shared;

    @Test
    void whatAKilledProcessLeftGoesAndWhatIsInUseStays() throws Exception {
        var killed = Files.createDirectories(shared.resolve("serviceOfTheDead/work1"));
        Files.writeString(killed.resolve("model.onnx"), "x");
        Files.writeString(killed.getParent().resolve("in-use"), "");
        var stranger = Files.createDirectories(shared.resolve("photos"));
        var other = Scratch.open(shared);
        var mine = Scratch.open(shared);

        assertFalse(Files.exists(killed.getParent()));
        assertTrue(Files.exists(stranger));
        assertTrue(Files.exists(other.folder()));

        mine.close();
        assertFalse(Files.exists(mine.folder()));
        other.close();
    }

    @Test
    void aFolderNamedFromTheWorkingDirectoryIsOneThatChildrenKnowToo() {
        var relative = Path.of("").toAbsolutePath().relativize(shared.toAbsolutePath());

        try (var scratch = Scratch.open(relative.resolve("../" + shared.getFileName()))) {
            assertEquals(shared.toAbsolutePath().normalize(), scratch.folder().getParent());
        }
    }
}
