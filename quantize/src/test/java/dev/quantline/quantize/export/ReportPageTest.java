package dev.quantline.quantize.export;

import ai.onnxruntime.OrtSession.Result;
import com.deque.html.axecore.playwright.AxeBuilder;
import com.deque.html.axecore.results.Rule;
import com.microsoft.playwright.Browser;
import com.microsoft.playwright.BrowserType;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Playwright;
import com.microsoft.playwright.options.ColorScheme;
import com.microsoft.playwright.options.Media;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Escaped;
import dev.quantline.onnx.ModelFile;
import java.io.IOException;
import java.io.StringWriter;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** The report's page in a browser; skipped if there is none. Screenshots are stored under target/screenshots. */
class ReportPageTest {
    private static final Path CHROMIUM =
            Path.of(System.getenv().getOrDefault("QUANTLINE_CHROMIUM", "/usr/bin/chromium"));
    private static final Path PICTURES = Path.of("target/screenshots").toAbsolutePath();
    private static final int[] WIDTHS = {390, 768, 1280, 1920};
    private static final int HEIGHT = 900;

    @TempDir
    private Path folder;

    private static Playwright playwright;
    private static Browser browser;

    @BeforeAll
    static void startBrowser() throws IOException {
        Assumptions.assumeTrue(
                Files.isExecutable(CHROMIUM),
                () -> "skipped: no Chromium at " + CHROMIUM + "; install it, or name one in QUANTLINE_CHROMIUM");
        Files.createDirectories(PICTURES);
        playwright = Playwright.create(
                new Playwright.CreateOptions().setEnv(Map.of("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")));
        browser = playwright
                .chromium()
                .launch(new BrowserType.LaunchOptions()
                        .setExecutablePath(CHROMIUM)
                        .setArgs(List.of("--no-sandbox")));
    }

    @AfterAll
    static void stopBrowser() {
        if (playwright != null) {
            playwright.close();
        }
    }

    /** A page whose errors are collected in a list. */
    private static Page open(Report report, String name, ColorScheme scheme, List<String> complaints)
            throws IOException {
        var file = Files.writeString(PICTURES.resolve(name + ".html"), report.toHtml(Reports.gallery()));
        var page = browser.newPage(
                new Browser.NewPageOptions().setColorScheme(scheme).setViewportSize(WIDTHS[0], HEIGHT));
        page.onConsoleMessage(message -> {
            if (message.type().equals("error") || message.type().equals("warning")) {
                complaints.add(message.text());
            }
        });
        page.onPageError(complaints::add);
        page.onDialog(dialog -> {
            complaints.add("dialog: " + dialog.message());
            dialog.dismiss();
        });
        page.navigate(file.toUri().toString());
        return page;
    }

    private static List<String> serious(Page page) {
        return new AxeBuilder(page)
                .analyze().getViolations().stream()
                        .filter(rule -> List.of("serious", "critical").contains(rule.getImpact()))
                        .map(ReportPageTest::told)
                        .toList();
    }

    private static String told(Rule rule) {
        return rule.getId() + " "
                + rule.getNodes().stream()
                        .limit(3)
                        .map(node -> node.getTarget() + " " + node.getFailureSummary())
                        .toList();
    }

    private static List<String> tooWide(Page page, String where) {
        int wide = ((Number) page.evaluate("document.documentElement.scrollWidth - innerWidth")).intValue();
        return wide <= 0 ? List.of() : List.of(where + ": " + wide + " pixels too wide");
    }

    private static List<String> faults(Report report, String name) throws IOException {
        var faults = new ArrayList<String>();
        for (var scheme : List.of(ColorScheme.LIGHT, ColorScheme.DARK)) {
            try (var page = open(report, name, scheme, faults)) {
                for (int width : WIDTHS) {
                    String where = name + "-" + width + "-" + scheme.name().toLowerCase(Locale.ROOT);
                    page.setViewportSize(width, HEIGHT);
                    faults.addAll(tooWide(page, where));
                    serious(page).forEach(fault -> faults.add(where + ": " + fault));
                    page.screenshot(new Page.ScreenshotOptions()
                            .setPath(PICTURES.resolve(where + ".png"))
                            .setFullPage(true));
                }
            }
        }
        return faults;
    }

    @Test
    void aReportOfEightBitsHoldsAtEveryWidth() throws IOException {
        assertEquals(List.of(), faults(Reports.int8(), "int8"));
    }

    @Test
    void aMissedGoalWithNamesThatAreLongAndHoldMarkupHoldsAtEveryWidth() throws IOException {
        assertEquals(List.of(), faults(Reports.mixedMissed(), "mixed"));
    }

    @Test
    void onPaperEverythingIsThere() throws IOException {
        var complaints = new ArrayList<String>();
        try (var page = open(Reports.mixedMissed(), "print", ColorScheme.DARK, complaints)) {
            // Given a reader who filtered the layers
            page.fill("#filter", "layer.7/");
            assertEquals(1, page.locator("#layers tbody tr:not([hidden])").count());

            // When it is printed, from a dark screen
            page.setViewportSize(718, HEIGHT);
            page.emulateMedia(new Page.EmulateMediaOptions().setMedia(Media.PRINT));
            page.evaluate("dispatchEvent(new Event('beforeprint'))");

            // Then all rows and everything that was collapsed are on it, dark on white
            assertEquals(List.of(), tooWide(page, "print"));
            assertEquals(
                    12,
                    page.locator("#layers tbody tr").all().stream()
                            .filter(row -> row.isVisible())
                            .count());
            assertTrue(page.locator("details pre, details table, details li").all().stream()
                    .allMatch(part -> part.isVisible()));
            assertEquals("rgb(255, 255, 255)", page.evaluate("getComputedStyle(document.body).backgroundColor"));
            page.screenshot(new Page.ScreenshotOptions()
                    .setPath(PICTURES.resolve("print.png"))
                    .setFullPage(true));
            assertTrue(
                    page.pdf(new Page.PdfOptions().setFormat("A4").setPath(PICTURES.resolve("print.pdf"))).length > 0);
        }
        assertEquals(List.of(), complaints);
    }

    @Test
    void theFirstLayerIsTheWorstAndAFilterSaysHowManyAreLeft() throws IOException {
        var complaints = new ArrayList<String>();
        try (var page = open(Reports.mixedMissed(), "sorted", ColorScheme.LIGHT, complaints)) {
            assertTrue(page.locator("#layers tbody th").first().textContent().startsWith("/encoder/layer.11/"));
            assertTrue(page.locator("#verdict").textContent().startsWith("Goal missed: 1.11 MB became 258.9 kB"));
            page.fill("#filter", "layer.7/");
            assertEquals("1 of 12 layers", page.locator("#shown").textContent());
        }
        assertEquals(List.of(), complaints);
    }

    @Test
    void namesAreShownAsTheyAreWrittenAndAddNoLineToCode() throws IOException {
        var complaints = new ArrayList<String>();
        try (var page = open(Reports.mixedMissed(), "escaped", ColorScheme.LIGHT, complaints)) {
            var text = page.locator("main").textContent() + page.title();
            var labels = String.join("", (List<String>) page.evaluate(
                    "[...document.querySelectorAll('[aria-label]')].map(e => e.getAttribute('aria-label'))"));
            for (var said : List.of(text, labels)) {
                assertEquals(Escaped.lines(said), said);
                assertTrue(
                        said.contains("\\u001b]0;pwn\\u0007\\u202e\\u200b\\u2028\\u000aimport os")
                                || said.contains("\\u001b]0;pwn\\u0007\\u202e\\u200b\\u2028\nimport os"),
                        said);
            }
            for (var code : page.locator("#use pre").allTextContents()) {
                assertFalse(code.lines().skip(1).anyMatch(line -> line.startsWith("import os")), code);
            }
        }
        assertEquals(List.of(), complaints);
    }

    @Test
    void theLinesOfPythonImportWhatTheyUse() throws IOException {
        var complaints = new ArrayList<String>();
        try (var scaled = open(Reports.int8(), "int8-python", ColorScheme.LIGHT, complaints);
                var asGiven = open(Reports.mixedMissed(), "mixed-python", ColorScheme.LIGHT, complaints)) {
            var lines = "#use pre[aria-label=Python]";
            assertTrue(scaled.locator(lines).textContent().startsWith("import numpy as np, onnxruntime\n"));
            assertTrue(asGiven.locator(lines).textContent().startsWith("import onnxruntime\n"));
        }
        assertEquals(List.of(), complaints);
    }

    @Test
    void theLinesOfJavaCompileAndRunTheFile() throws Exception {
        // Given a file with the inputs and outputs in the report
        var builder = new GraphBuilder(17, 1);
        var mean = builder.op("mean", "GlobalAveragePool", builder.input("image", DataType.FLOAT, -1, 3, 32, 32));
        builder.op("logits", "Flatten", mean);
        ModelFile.write(builder.output("logits", DataType.FLOAT, -1, 3).graph(), folder.resolve("model.onnx"));
        // When the report's lines are compiled
        var image = new float[2][3][32][32];
        image[1][2][0][0] = 1024;
        var result = (Result)
                compiled(Reports.int8(), "int8-java", "float[][][][] image").invoke(null, new Object[] {image});
        // Then they run it
        assertEquals(1, ((float[][]) result.get(0).getValue())[1][2]);
        // And those for inputs of other types, and for names that are not Java identifiers, compile too
        assertTrue(
                compiled(Reports.mixedMissed(), "mixed-java", "long[][] input_ids, boolean " + wordOf(Reports.HOSTILE))
                        != null);
    }

    private static String wordOf(String name) {
        var word = name.replaceAll("[^A-Za-z0-9]+", "_");
        return word.substring(0, Math.min(40, word.length()));
    }

    /** The method made from the report's lines, which takes the inputs and returns the session's result. */
    private Method compiled(Report report, String name, String parameters) throws Exception {
        var complaints = new ArrayList<String>();
        String lines;
        try (var page = open(report, name, ColorScheme.LIGHT, complaints)) {
            lines = page.locator("#use pre[aria-label=Java]").textContent();
        }
        // A process has one working directory, so the name of the file is the only thing that must be changed.
        var source = Files.writeString(folder.resolve("Use.java"), """
                import ai.onnxruntime.*;
                import java.util.Map;
import java.util.stream.Stream;
import javax.tools.ToolProvider;
                public class Use {
                    public static OrtSession.Result run(%s) throws OrtException {
                %s
                        return result;
                    }
                }
                """.formatted(
                        parameters, lines.replace("\"model.onnx\"", "\"" + folder.resolve("model.onnx") + "\"")));
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
        assertTrue(fine, said + lines);
        try (var loader =
                new URLClassLoader(new URL[] {folder.toUri().toURL()}, ReportPageTest.class.getClassLoader())) {
            return Stream.of(loader.loadClass("Use").getMethods())
                    .filter(method -> method.getName().equals("run"))
                    .findFirst()
                    .orElseThrow();
        }
    }
}
