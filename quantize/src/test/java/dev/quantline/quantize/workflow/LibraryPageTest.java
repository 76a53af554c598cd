package dev.quantline.quantize.workflow;

import dev.quantline.fixture.Checkout;
import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.ModelFile;
import java.io.StringWriter;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** The code of {@code docs/library.md}, compiled and run as it is there, one block after the other. */
class LibraryPageTest {
    private static final Pattern BLOCK = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL);

    @TempDir
    Path folder;

    @Test
    void theCodeOnThePageRuns() throws Exception {
        // Given the files that the page assumes
        var network = Networks.mlp(1);
        ModelFile.write(network, folder.resolve("model.onnx"));
        Data.write(folder.resolve("calibration.npz"), Data.labelled(network, Data.rows(300, 2)));

        // When its blocks run; a process has one working directory, so the paths of the files are changed
        String code = BLOCK.matcher(Files.readString(Checkout.root().resolve("docs/library.md")))
                .results()
                .map(found -> found.group(1))
                .collect(Collectors.joining("\n"))
                .replace("Path.of(\"", "Path.of(\"" + folder + "/");
        var lines = code.lines().collect(Collectors.partitioningBy(line -> line.startsWith("import ")));
        run("""
                import java.nio.file.*;
                import java.util.*;
                %s
                public class Page {
                    public static void run() throws Exception {
                %s
                    }
                }
                """.formatted(String.join("\n", lines.get(true)), String.join("\n", lines.get(false))));

        // Then the files that it mentions exist, and the stages one by one gave the same file as the whole way
        for (String left : List.of("quantized.onnx", "out/report.html", "bounded.onnx")) {
            assertTrue(Files.exists(folder.resolve(left)), left);
        }
        assertEquals(
                ModelFile.read(folder.resolve("out/model.onnx")).initializers(),
                ModelFile.read(folder.resolve("stages/out/model.onnx")).initializers());
    }

    private void run(String code) throws Exception {
        var source = Files.writeString(folder.resolve("Page.java"), code);
        var said = new StringWriter();
        var compiler = ToolProvider.getSystemJavaCompiler();
        boolean fine = compiler.getTask(
                        said,
                        null,
                        null,
                        List.of("-d", folder.toString(), "-cp", System.getProperty("java.class.path")),
                        null,
                        compiler.getStandardFileManager(null, null, null).getJavaFileObjects(source))
                .call();
        assertTrue(fine, () -> said + code);
        try (var loader =
                new URLClassLoader(new URL[] {folder.toUri().toURL()}, LibraryPageTest.class.getClassLoader())) {
            loader.loadClass("Page").getMethod("run").invoke(null);
        }
    }
}
