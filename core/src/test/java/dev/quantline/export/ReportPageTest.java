package dev.quantline.export;

import com.deque.html.axecore.playwright.AxeBuilder;
import com.deque.html.axecore.results.Rule;
import com.microsoft.playwright.Browser;
import com.microsoft.playwright.BrowserType;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Playwright;
import com.microsoft.playwright.options.ColorScheme;
import com.microsoft.playwright.options.Media;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** The report's page in a browser; skipped where there is none. Pictures of what it saw lie under target/screenshots. */
class ReportPageTest {
    private static final Path CHROMIUM = Path.of(System.getenv().getOrDefault("QUANTLINE_CHROMIUM", "/usr/bin/chromium"));
    private static final Path PICTURES = Path.of("target/screenshots").toAbsolutePath();
    private static final int[] WIDTHS = {390, 768, 1280, 1920};
    private static final int HEIGHT = 900;

    private static Playwright playwright;
    private static Browser browser;

    @BeforeAll
    static void startBrowser() throws IOException {
        Assumptions.assumeTrue(Files.isExecutable(CHROMIUM), () -> "skipped: no Chromium at " + CHROMIUM
            + "; install it, or name one in QUANTLINE_CHROMIUM");
        Files.createDirectories(PICTURES);
        playwright = Playwright.create(new Playwright.CreateOptions().setEnv(Map.of("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")));
        browser = playwright.chromium().launch(new BrowserType.LaunchOptions().setExecutablePath(CHROMIUM)
            .setArgs(List.of("--no-sandbox")));
    }

    @AfterAll
    static void stopBrowser() {
        if (playwright != null) {
            playwright.close();
        }
    }

    /** A page that lists what it complains of. */
    private static Page open(Report report, String name, ColorScheme scheme, List<String> complaints) throws IOException {
        var file = Files.writeString(PICTURES.resolve(name + ".html"), report.toHtml(Reports.gallery()));
        var page = browser.newPage(new Browser.NewPageOptions().setColorScheme(scheme).setViewportSize(WIDTHS[0], HEIGHT));
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
        return new AxeBuilder(page).analyze().getViolations().stream()
            .filter(rule -> List.of("serious", "critical").contains(rule.getImpact())).map(ReportPageTest::told).toList();
    }

    private static String told(Rule rule) {
        return rule.getId() + " " + rule.getNodes().stream().limit(3)
            .map(node -> node.getTarget() + " " + node.getFailureSummary()).toList();
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
                    page.screenshot(new Page.ScreenshotOptions().setPath(PICTURES.resolve(where + ".png")).setFullPage(true));
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

            // Then all rows and all that was folded are on it, dark on white
            assertEquals(List.of(), tooWide(page, "print"));
            assertEquals(12, page.locator("#layers tbody tr").all().stream().filter(row -> row.isVisible()).count());
            assertTrue(page.locator("details pre, details table, details li").all().stream().allMatch(part -> part.isVisible()));
            assertEquals("rgb(255, 255, 255)", page.evaluate("getComputedStyle(document.body).backgroundColor"));
            page.screenshot(new Page.ScreenshotOptions().setPath(PICTURES.resolve("print.png")).setFullPage(true));
            assertTrue(page.pdf(new Page.PdfOptions().setFormat("A4").setPath(PICTURES.resolve("print.pdf"))).length > 0);
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
}
