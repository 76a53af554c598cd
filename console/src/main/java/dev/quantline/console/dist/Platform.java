package dev.quantline.console.dist;

import dev.quantline.onnx.BadInput;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * An operating system on a processor.
 *
 * @param system    {@code linux}, in lower case
 * @param processor {@code x86_64} or {@code aarch64}
 */
public record Platform(String system, String processor) {
    /** As libraries spell them in the folders of their jars. */
    private static final Map<String, String> PROCESSORS =
            Map.of("x86_64", "x86[-_]?64|x64|amd64", "aarch64", "aarch64|arm64");

    private static final Platform SUPPORTED = new Platform("linux", "x86_64");
    private static final Pattern NATIVE =
            Pattern.compile(".*\\.(so(\\.[\\d.]+)?|dll|dylib|jnilib|a|lib|pdb|sl)|.*\\.dsym/.*");
    private static final Pattern ANY_SYSTEM =
            Pattern.compile(".*\\b(linux|win|win32|windows|mac|osx|darwin|aix|freebsd|openbsd|sunos)(?![a-z]).*");

    /** The one this program runs on. */
    public static Platform current() {
        return new Platform(
                System.getProperty("os.name").toLowerCase(Locale.ROOT),
                System.getProperty("os.arch").replace("amd64", "x86_64"));
    }

    /** Goes on where every native library exists. @throws BadInput elsewhere */
    public Platform supported() {
        if (!equals(SUPPORTED)) {
            throw new BadInput("this is %s, and %s alone has all native libraries: see 'What it runs on' in README.md"
                    .formatted(this, SUPPORTED));
        }
        return this;
    }

    /** Whether an entry of a jar is a native library, or what belongs to one, of another platform. */
    boolean isForeign(String entry) {
        var path = entry.toLowerCase(Locale.ROOT);
        return NATIVE.matcher(path).matches()
                && ANY_SYSTEM.matcher(path).matches()
                && !path.matches(".*\\b%s[-/](%s)/.*".formatted(system, PROCESSORS.get(processor)));
    }

    @Override
    public String toString() {
        return system + "-" + processor;
    }
}
