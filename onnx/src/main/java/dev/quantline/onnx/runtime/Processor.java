package dev.quantline.onnx.runtime;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * The processor that this process runs on.
 *
 * @param name         its own name; the architecture if it does not state one
 * @param architecture as Java names it: {@code amd64}, {@code aarch64}
 * @param flags        its capabilities, as Linux names them; empty if the system does not list them
 */
public record Processor(String name, String architecture, Set<String> flags) {
    /** Instructions for products of 8-bit integers, by Linux flag. */
    private static final Map<String, String> X86 =
            Map.of("amx_int8", "AMX", "avx512_vnni", "AVX-512 VNNI", "avx_vnni", "AVX-VNNI");

    private static final Map<String, String> ARM = Map.of("i8mm", "I8MM", "asimddp", "DotProd");

    private static final Processor CURRENT = read(Path.of("/proc/cpuinfo"));

    public Processor {
        flags = Set.copyOf(flags);
    }

    /** The processor of this process. */
    public static Processor current() {
        return CURRENT;
    }

    private static Processor read(Path file) {
        try {
            return of(System.getProperty("os.arch"), Files.readString(file));
        } catch (IOException e) {
            return of(System.getProperty("os.arch"), "");
        }
    }

    /** Parses the content of {@code /proc/cpuinfo}. */
    static Processor of(String architecture, String cpuinfo) {
        String name =
                field(cpuinfo, "model name").or(() -> field(cpuinfo, "Model")).orElse(architecture);
        var flags = field(cpuinfo, "flags")
                .or(() -> field(cpuinfo, "Features"))
                .map(all -> Set.of(all.split("\\s+")))
                .orElse(Set.of());
        return new Processor(name, architecture, flags);
    }

    private static Optional<String> field(String cpuinfo, String name) {
        return cpuinfo.lines()
                .filter(line -> line.startsWith(name)
                        && line.substring(name.length()).stripLeading().startsWith(":"))
                .map(line -> line.substring(line.indexOf(':') + 1).strip())
                .filter(value -> !value.isEmpty())
                .findFirst();
    }

    /** Whether it has an instruction set, by Linux flag. */
    public boolean has(String flag) {
        return flags.contains(flag);
    }

    /** Its instructions for products of 8-bit integers, for users: {@code AMX, AVX-512 VNNI}. */
    public String integerInstructions() {
        boolean x86 = architecture.equals("amd64");
        var known = new TreeSet<String>();
        (x86 ? X86 : ARM).forEach((flag, label) -> {
            if (has(flag)) {
                known.add(label);
            }
        });
        return !known.isEmpty()
                ? String.join(", ", known)
                : flags.isEmpty() ? "unknown" : x86 ? "none: pairs of products are added in 16 bits" : "none";
    }

    /**
     * Whether ONNX Runtime's kernels for unsigned 8-bit activations and signed 8-bit weights saturate here, determined by running
     * one: two products of 255 and 127 overflow 16 bits.
     */
    public static boolean saturates() {
        return Probe.SATURATES;
    }

    /** Runs once, when first used. */
    private static final class Probe {
        private static final int INPUTS = 64;
        private static final int OUTPUTS = 16;
        static final boolean SATURATES = run() != 255f * 127 * INPUTS;

        private static float run() {
            var codes = new byte[INPUTS * OUTPUTS];
            Arrays.fill(codes, (byte) 127);
            var graph = Graph.empty(17);
            graph.inputs().add(ValueInfos.of("activations", DataType.UINT8, 1, INPUTS));
            graph.outputs().add(ValueInfos.of("sums", DataType.INT32, 1, OUTPUTS));
            String weights = graph.addConstant(
                    "weights", new Tensor(DataType.INT8, new long[] {INPUTS, OUTPUTS}, ByteBuffer.wrap(codes)));
            graph.nodes().add(Node.of("MatMulInteger", List.of("activations", weights), "sums"));
            var activations = new byte[INPUTS];
            Arrays.fill(activations, (byte) 255);
            try (var session = Session.open(graph, Provider.cpu(), Session.Optimization.ALL)) {
                return (float) session.run(Map.of(
                                "activations",
                                new Tensor(DataType.UINT8, new long[] {1, INPUTS}, ByteBuffer.wrap(activations))))
                        .get("sums")
                        .get(0);
            }
        }
    }
}
