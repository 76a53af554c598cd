package dev.quantline.data.image;

import dev.quantline.data.Labels;
import dev.quantline.onnx.BadInput;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class PictureListTest {
    private static final PictureList.Columns FOUND = new PictureList.Columns(Optional.empty(), Optional.empty());

    @TempDir
    Path folder;

    @BeforeEach
    void putPictures() throws IOException {
        for (var name : List.of(
                "set/b/2.PNG",
                "set/a/deep/1.jpeg",
                "set/a/0.webp",
                "set/a/notes.txt",
                "set/.cache/x.png",
                "secret.png")) {
            Files.createDirectories(folder.resolve(name).getParent());
            Files.writeString(folder.resolve(name), "");
        }
    }

    @Test
    void foldersAreWalkedInOrder() throws IOException {
        var list = PictureList.of(folder.resolve("set"), FOUND);

        assertEquals(
                List.of("a/0.webp a", "a/deep/1.jpeg a", "b/2.PNG b"),
                list.entries().stream()
                        .map(entry -> folder.resolve("set").relativize(entry.file()) + " " + entry.label())
                        .toList());
        assertEquals(1, list.ignored());
    }

    @Test
    void aFolderThatIsALinkIsFollowedAndLinksBelowItAreNot() throws IOException {
        Files.createSymbolicLink(folder.resolve("named"), folder.resolve("set"));
        Files.createSymbolicLink(folder.resolve("set/c"), folder);

        var list = PictureList.of(folder.resolve("named"), FOUND);

        assertEquals(
                List.of("a", "a", "b"),
                list.entries().stream().map(PictureList.Entry::label).toList());
    }

    @Test
    void picturesBesideSubFoldersAreAQuestion() throws IOException {
        Files.writeString(folder.resolve("set/stray.png"), "");

        refused(folder.resolve("set"), "has pictures beside its sub-folders");
    }

    @Test
    void aTableNamesPathsAndLabels() throws IOException {
        var csv = table("label,\"file_name\"\n\"cat, small\",a/0.webp\ndog,./b/2.PNG\n");

        assertEquals(
                List.of("a/0.webp cat, small", "b/2.PNG dog"),
                PictureList.of(csv, FOUND).entries().stream()
                        .map(entry -> csv.getParent().relativize(entry.file()) + " " + entry.label())
                        .toList());
    }

    @Test
    void pathsStayInsideTheTablesFolder() throws IOException {
        Files.createSymbolicLink(folder.resolve("set/link.png"), folder.resolve("secret.png"));
        Files.createSymbolicLink(folder.resolve("set/up"), folder);

        refused(table("file_name\n../secret.png\n"), "'../secret.png', which lies outside the table's folder");
        refused(table("file_name\na/../../secret.png\n"), "outside the table's folder");
        refused(table("file_name\n" + folder.resolve("secret.png") + "\n"), "outside the table's folder");
        refused(table("file_name\nlink.png\n"), "outside the table's folder behind a link");
        refused(table("file_name\nup/secret.png\n"), "outside the table's folder behind a link");
        refused(table("file_name\nnone.png\n"), "'none.png', but there is no such file");
        refused(table("file_name\nnone/none.png\n"), "no such file");
    }

    @Test
    void columnsAreNamed() throws IOException {
        refused(table("picture,kind\na/0.webp,x\n"), "no column called file_name");
        var list = PictureList.of(
                table("picture,kind\na/0.webp,x\n"),
                new PictureList.Columns(Optional.of("picture"), Optional.of("kind")));
        assertEquals("x", list.entries().getFirst().label());
        var misspelt = new PictureList.Columns(Optional.of("pictur"), Optional.empty());
        assertTrue(assertThrows(BadInput.class, () -> PictureList.of(table("picture,kind\na/0.webp,x\n"), misspelt))
                .getMessage()
                .contains("did you mean 'picture'?"));
        refused(table("file_name,label\na/0.webp\n"), "row 1 has 1 fields");
        refused(table(""), "is empty");
    }

    @Test
    void classesHaveNumbers() throws IOException {
        assertEquals(
                Map.of(0, "cat", 1, "dog"),
                Labels.of(List.of("dog", "cat", "dog")).names());
        assertEquals(Map.of(2, "2", 10, "10"), Labels.of(List.of("10", "2")).names());
        var config = Files.writeString(
                folder.resolve("config.json"), "{\"id2label\": {\"0\": \"tench, Tinca tinca\", \"1\": \"dog\"}}");
        var classes = Labels.read(config);
        assertEquals(0, classes.numbersOf(List.of("Tinca tinca")).get("Tinca tinca"));
        assertTrue(assertThrows(BadInput.class, () -> classes.numbersOf(List.of("dgo")))
                .getMessage()
                .contains("did you mean 'dog'?"));
        assertEquals(
                Map.of(0, "b", 1, "a"),
                Labels.read(Files.writeString(folder.resolve("classes.txt"), "b\na\n"))
                        .names());
    }

    private Path table(String text) throws IOException {
        return Files.writeString(folder.resolve("set/table.csv"), text);
    }

    private void refused(Path source, String reason) {
        var message = assertThrows(BadInput.class, () -> PictureList.of(source, FOUND))
                .getMessage();
        assertTrue(message.contains(reason), message);
    }
}
