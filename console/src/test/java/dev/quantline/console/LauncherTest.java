package dev.quantline.console;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** The launcher beside a built console, with JDKs that only say which one was called. */
class LauncherTest {
    private static final String SYSTEM_TOOLS = "/usr/bin:/bin";

    @TempDir
    Path folder;

    private Path launcher;

    private record Said(int code, String text) {}

    @BeforeEach
    void aProjectThatIsBuilt() throws IOException {
        var project = Files.createDirectories(folder.resolve("a project"));
        launcher = Files.copy(Path.of("..", "quantline"), project.resolve("quantline"));
        Files.setPosixFilePermissions(launcher, PosixFilePermissions.fromString("rwxr-xr-x"));
        Files.writeString(project.resolve("pom.xml"), "<project/>");
        Files.copy(
                Path.of("src/main/sh/start.sh"),
                Files.createDirectories(project.resolve("console/src/main/sh")).resolve("start.sh"));
        Files.writeString(
                Files.createDirectories(project.resolve("console/target/quarkus-app"))
                        .resolve("quarkus-run.jar"),
                "");
        Files.writeString(
                Files.createDirectories(project.resolve("target/launcher")).resolve("built-console"), "");
    }

    @Test
    void javaHomeComesFirst() throws Exception {
        // Given a suitable JDK named by JAVA_HOME and another one in an install folder
        var chosen = jdk("chosen", "25.0.1");
        jdk("jvm/other", "26");
        // When the launcher runs
        var said = run(Map.of("JAVA_HOME", chosen.toString()), "jobs", "two words");
        // Then the chosen one gets the arguments as they are
        assertEquals(0, said.code(), said.text());
        assertTrue(said.text().startsWith("chosen:"), said.text());
        assertTrue(said.text().strip().endsWith("quarkus-run.jar jobs two words"), said.text());
    }

    @Test
    void anOldJavaHomeIsPassedOverForAnInstalledJdk() throws Exception {
        // Given an old JDK in JAVA_HOME, and old, new and broken ones in an install folder
        var old = jdk("old", "17.0.15");
        jdk("jvm/a-11", "11.0.2");
        jdk("jvm/b-25", "25");
        Files.createDirectories(folder.resolve("jvm/c-empty/bin"));
        // When the launcher runs
        var said = run(Map.of("JAVA_HOME", old.toString()), "jobs");
        // Then the new one is taken
        assertTrue(said.text().startsWith("b-25:"), said.text());
    }

    @Test
    void theJdkOnThePathIsFoundThroughLinks() throws Exception {
        // Given javac on the path, as a link to a link into a JDK
        var home = jdk("linked", "27-ea");
        var bin = Files.createDirectories(folder.resolve("bin"));
        Files.createSymbolicLink(folder.resolve("alternatives-javac"), home.resolve("bin/javac"));
        Files.createSymbolicLink(bin.resolve("javac"), folder.resolve("alternatives-javac"));
        // When the launcher runs
        var said = run(Map.of("PATH", bin + ":" + toolsWithoutJava()), "jobs");
        // Then that JDK is taken
        assertTrue(said.text().startsWith("linked:"), said.text());
    }

    @Test
    void aMacBundleIsFound() throws Exception {
        // Given a JDK inside a bundle of macOS
        jdk("jvm/temurin-25.jdk/Contents/Home", "25.0.1");
        // When the launcher runs
        var said = run(Map.of(), "jobs");
        // Then it is taken
        assertTrue(said.text().startsWith("Home:"), said.text());
    }

    @Test
    void withoutASuitableJdkItSaysWhatToInstall() throws Exception {
        // Given nothing newer than 21
        jdk("jvm/old", "21.0.2");
        // When the launcher runs
        var said = run(Map.of(), "demo");
        // Then it names what it found and what it needs
        assertEquals(1, said.code());
        assertTrue(said.text().contains("JDK 25") && said.text().contains("old (21)"), said.text());
        assertFalse(said.text().contains("Maven"), said.text());
    }

    @Test
    void whereLibrariesAreMissingItSaysSo() throws Exception {
        // Given a suitable JDK on another platform
        jdk("jvm/jdk", "25");
        var bin = executable(folder.resolve("arm/uname"), "[ $1 = -s ] && echo Darwin || echo arm64");
        // When the launcher runs
        var said = run(Map.of("PATH", bin.getParent() + ":" + toolsWithoutJava()), "demo");
        // Then it starts nothing
        assertEquals(1, said.code());
        assertTrue(said.text().contains("runs on Linux x86-64; this is Darwin arm64"), said.text());
        assertFalse(said.text().contains("jdk:"), said.text());
    }

    @Test
    void itBuildsOnlyWhenASourceIsNewer() throws Exception {
        // Given a Maven that records its call, and one source file that is newer than the build
        var home = jdk("jvm/jdk", "25");
        var maven = executable(
                folder.resolve("maven/bin/mvn"),
                "echo \"[INFO] Building Quantline core 1 [1/2]\"; echo \"$@\" >> " + quoted("calls"));
        var environment = Map.of(
                "JAVA_HOME",
                home.toString(),
                "MAVEN_HOME",
                maven.getParent().getParent().toString());
        var before = run(environment, "jobs");
        assertFalse(before.text().contains("building"), before.text());
        var source = Files.writeString(
                Files.createDirectories(launcher.resolveSibling("onnx/src/main/java"))
                        .resolve("A.java"),
                "class A {}");
        var built = Files.getLastModifiedTime(launcher.resolveSibling("target/launcher/built-console"))
                .toMillis();
        Files.setLastModifiedTime(source, FileTime.fromMillis(built + 2_000));
        // When the launcher runs
        var said = run(environment, "jobs");
        // Then it says what it builds, builds the console and hands over
        assertEquals(0, said.code(), said.text());
        assertTrue(said.text().contains("building Quantline core [1/2]"), said.text());
        assertTrue(Files.readString(folder.resolve("calls")).contains("-pl console -am package"), said.text());
        assertTrue(said.text().contains("jdk:"), said.text());
    }

    @Test
    void aFailedBuildShowsItsErrorsAndEndsThere() throws Exception {
        // Given a project without a build, and a Maven that fails
        Files.delete(launcher.resolveSibling("console/target/quarkus-app/quarkus-run.jar"));
        var home = jdk("jvm/jdk", "25");
        var maven = executable(folder.resolve("maven/bin/mvn"), "echo '[ERROR] cannot find symbol'; exit 1");
        // When the launcher runs
        var said = run(
                Map.of(
                        "JAVA_HOME",
                        home.toString(),
                        "MAVEN_HOME",
                        maven.getParent().getParent().toString()),
                "demo");
        // Then the error is shown and nothing is started
        assertEquals(1, said.code());
        assertTrue(said.text().contains("cannot find symbol"), said.text());
        assertFalse(said.text().contains("jdk:"), said.text());
    }

    @Test
    void withoutAnInstalledMavenTheWrapperBuilds() throws Exception {
        // Given a project without a build, no Maven, and a wrapper that says so
        Files.delete(launcher.resolveSibling("console/target/quarkus-app/quarkus-run.jar"));
        var home = jdk("jvm/jdk", "25");
        executable(launcher.resolveSibling("mvnw"), "echo \"[ERROR] wrapper with $JAVA_HOME\"; exit 1");
        // When the launcher runs
        var said = run(Map.of(), "demo");
        // Then the wrapper is called, with the JDK that was found
        assertTrue(said.text().contains("[ERROR] wrapper with " + home), said.text());
    }

    @Test
    void anInstalledMavenComesBeforeTheWrapper() throws Exception {
        // Given a Maven in an install folder and a wrapper
        jdk("jvm/jdk", "25");
        executable(folder.resolve("maven folders/bin/mvn"), "echo \"installed: $*\"");
        var installed = folder.resolve("maven");
        Files.createSymbolicLink(installed, folder.resolve("maven folders"));
        executable(launcher.resolveSibling("mvnw"), "echo wrapper");
        // When it is asked for
        var said = run(Map.of("QUANTLINE_MAVEN_FOLDERS", installed.toString()), "mvn", "spotless:apply");
        // Then it works on this project, from wherever it is called
        assertEquals(
                "installed: -f " + launcher.resolveSibling("pom.xml") + " spotless:apply",
                said.text().strip());
    }

    @Test
    void aBenchIsBuiltOnceAndRunWithItsArguments() throws Exception {
        // Given a Maven that leaves a class path behind
        jdk("jvm/jdk", "25");
        var classpath = launcher.resolveSibling("bench/target/classpath");
        executable(
                folder.resolve("maven/bin/mvn"),
                "echo \"$@\" >> " + quoted("calls") + "; mkdir -p '" + classpath.getParent() + "'; echo a.jar:b.jar > '"
                        + classpath + "'");
        var environment = Map.of("MAVEN_HOME", folder.resolve("maven").toString());
        // When a bench is run twice
        run(environment, "bench", "tune.StepCost", "two words");
        var said = run(environment, "bench", "tune.StepCost", "two words");
        // Then it was built by the first call, and gets its arguments
        assertEquals(1, Files.readAllLines(folder.resolve("calls")).size());
        assertTrue(Files.readString(folder.resolve("calls")).contains("-pl bench -am package"));
        assertTrue(
                said.text()
                        .strip()
                        .endsWith(classpath.resolveSibling("classes")
                                + ":a.jar:b.jar dev.quantline.bench.launch.Benches tune.StepCost two words"),
                said.text());
    }

    private Path jdk(String name, String version) throws IOException {
        var home = folder.resolve(name);
        executable(home.resolve("bin/java"), "echo \"" + home.getFileName() + ": $*\"");
        executable(home.resolve("bin/javac"), "echo javac " + version);
        Files.writeString(home.resolve("release"), "IMPLEMENTOR=\"Nobody\"\nJAVA_VERSION=\"" + version + "\"\n");
        return home;
    }

    private static Path executable(Path file, String body) throws IOException {
        Files.createDirectories(file.getParent());
        Files.writeString(file, "#!/bin/sh\n" + body + "\n");
        return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private String quoted(String name) {
        return "'" + folder.resolve(name) + "'";
    }

    private Said run(Map<String, String> environment, String... arguments) throws Exception {
        var command = new ArrayList<String>();
        command.add(launcher.toString());
        command.addAll(List.of(arguments));
        var builder = new ProcessBuilder(command).redirectErrorStream(true);
        var clean = new HashMap<>(Map.of(
                "PATH",
                toolsWithoutJava(),
                "HOME",
                folder.resolve("home").toString(),
                "QUANTLINE_JDK_FOLDERS",
                folder.resolve("jvm").toString(),
                "QUANTLINE_MAVEN_FOLDERS",
                folder.resolve("no-maven").toString()));
        clean.putAll(environment);
        builder.environment().clear();
        builder.environment().putAll(clean);
        var process = builder.start();
        var text = new String(process.getInputStream().readAllBytes());
        assertTrue(process.waitFor(30, TimeUnit.SECONDS));
        return new Said(process.exitValue(), text);
    }

    /** The tools the launcher needs in a folder of their own, because many systems keep a JDK beside them. */
    private String toolsWithoutJava() throws IOException {
        var tools = folder.resolve("tools");
        if (Files.notExists(tools)) {
            Files.createDirectories(tools);
            for (var name : new String[] {
                "bash",
                "sh",
                "env",
                "dirname",
                "readlink",
                "sed",
                "head",
                "find",
                "grep",
                "tee",
                "mkdir",
                "mv",
                "cat",
                "ln",
                "rm",
                "sleep",
                "uname"
            }) {
                for (var place : SYSTEM_TOOLS.split(":")) {
                    var tool = Path.of(place, name);
                    if (Files.isExecutable(tool) && Files.notExists(tools.resolve(name))) {
                        executable(tools.resolve(name), "exec " + tool + " \"$@\"");
                    }
                }
            }
        }
        return tools.toString();
    }
}
