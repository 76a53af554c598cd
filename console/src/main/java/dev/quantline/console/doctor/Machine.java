package dev.quantline.console.doctor;

import com.sun.management.OperatingSystemMXBean;
import dev.quantline.onnx.runtime.Processor;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * The machine that this process runs on.
 *
 * @param java        the version of the JDK
 * @param feature     its first number
 * @param home        where it is
 * @param memoryBytes of the machine, or of the container
 * @param heapBytes   Java's limit; tensors live outside it
 * @param folder      where work in progress goes
 * @param freeBytes   on the folder's disk
 * @param writable    whether files can be made there
 */
public record Machine(
        String java,
        int feature,
        String home,
        long memoryBytes,
        long heapBytes,
        int cores,
        Processor processor,
        Path folder,
        long freeBytes,
        boolean writable) {
    private static final int OLDEST_JAVA = 25;
    private static final long GIGA = 1_000_000_000;
    private static final long LITTLE_MEMORY = 4 * GIGA;
    private static final long LITTLE_HEAP = 400_000_000;
    private static final long LITTLE_DISK = 5 * GIGA;
    private static final long TOO_LITTLE_DISK = GIGA / 2;

    /** The one at hand. @param folder for work in progress; need not be there yet */
    public static Machine current(Path folder) throws IOException {
        var there = folder.toAbsolutePath();
        while (!Files.exists(there)) {
            there = there.getParent();
        }
        var system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        return new Machine(
                Runtime.version().toString(),
                Runtime.version().feature(),
                System.getProperty("java.home"),
                system.getTotalMemorySize(),
                Runtime.getRuntime().maxMemory(),
                Runtime.getRuntime().availableProcessors(),
                Processor.current(),
                folder.toAbsolutePath(),
                Files.getFileStore(there).getUsableSpace(),
                Files.isWritable(there));
    }

    /** All there is to say of it, in a fixed order. */
    public List<Finding> findings() {
        return List.of(jdk(), memory(), heap(), cpus(), instructions(), disk());
    }

    private Finding jdk() {
        var says = java + ", " + home;
        return feature >= OLDEST_JAVA
                ? Finding.ok("JDK", says)
                : Finding.problem(
                        "JDK", says, "install a JDK %d or newer, or point JAVA_HOME at one".formatted(OLDEST_JAVA));
    }

    private Finding memory() {
        var says = gigabytes(memoryBytes);
        return memoryBytes >= LITTLE_MEMORY
                ? Finding.ok("memory", says)
                : Finding.warning(
                        "memory", says, "networks above a few hundred megabytes may not fit: use a machine with more");
    }

    private Finding heap() {
        var says = gigabytes(heapBytes) + " at most; tensors are stored outside it";
        return heapBytes >= LITTLE_HEAP
                ? Finding.ok("Java heap", says)
                : Finding.warning("Java heap", says, "enlarge it: QUANTLINE_JAVA_OPTS=-Xmx1g");
    }

    private Finding cpus() {
        return cores > 1
                ? Finding.ok("cores", String.valueOf(cores))
                : Finding.warning("cores", "1", "services, broker and store share it: more cores make jobs faster");
    }

    private Finding instructions() {
        var says = "%s; products of 8-bit integers: %s".formatted(processor.name(), processor.integerInstructions());
        if (!processor.architecture().equals("amd64") || processor.flags().isEmpty()) {
            return Finding.warning("processor", says, "this kind is untested, see README: What it runs on");
        }
        if (!processor.has("avx2")) {
            return Finding.problem(
                    "processor", says + ", no AVX2", "use a processor with AVX2: the native libraries need it");
        }
        return processor.integerInstructions().startsWith("none")
                ? Finding.warning(
                        "processor",
                        says + "; AVX2",
                        "results are the same, but 8-bit layers run slower than with VNNI or AMX")
                : Finding.ok("processor", says);
    }

    private Finding disk() {
        var says = "%s free for %s".formatted(gigabytes(freeBytes), folder);
        return !writable
                ? Finding.problem("disk", folder + " cannot be written", "change to a folder that you may write to")
                : freeBytes < TOO_LITTLE_DISK
                        ? Finding.problem(
                                "disk", says, "free some space: broker and store refuse to write to a full disk")
                        : freeBytes < LITTLE_DISK
                                ? Finding.warning("disk", says, "large models and their activations may need more")
                                : Finding.ok("disk", says);
    }

    private static String gigabytes(long bytes) {
        return String.format(Locale.ROOT, "%.1f GB", (double) bytes / GIGA);
    }
}
