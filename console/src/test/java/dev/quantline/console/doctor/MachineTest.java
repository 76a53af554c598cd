package dev.quantline.console.doctor;

import dev.quantline.console.doctor.Finding.State;
import dev.quantline.onnx.runtime.Processor;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

class MachineTest {
    private static final Processor NEW = new Processor("new", "amd64", Set.of("avx2", "avx512_vnni"));

    @Test
    void aMachineThatHasAllItTakesIsFine() {
        // Given a machine as the documentation names it
        // When it is looked at
        var findings = machine(25, 16e9, 4e9, 2, NEW, 100e9, true).findings();
        // Then there is nothing to do
        assertTrue(
                findings.stream()
                        .allMatch(finding ->
                                finding.state() == State.OK && finding.advice().isEmpty()),
                findings::toString);
        assertEquals(
                List.of("JDK", "memory", "Java heap", "cores", "processor", "disk"),
                findings.stream().map(Finding::name).toList());
    }

    @Test
    void whatIsShortIsAWarningAndWhatFailsAProblem() {
        // Given machines that lack something
        var small = states(machine(25, 2e9, 2e8, 1, new Processor("old", "amd64", Set.of("avx2")), 2e9, true));
        var broken = states(machine(21, 16e9, 4e9, 2, new Processor("ancient", "amd64", Set.of("sse2")), 1e8, true));
        var foreign =
                states(machine(25, 16e9, 4e9, 2, new Processor("arm", "aarch64", Set.of("asimddp")), 100e9, false));
        // Then each says so
        assertEquals(
                Map.of(
                        "JDK",
                        State.OK,
                        "memory",
                        State.WARNING,
                        "Java heap",
                        State.WARNING,
                        "cores",
                        State.WARNING,
                        "processor",
                        State.WARNING,
                        "disk",
                        State.WARNING),
                small);
        assertEquals(
                List.of(State.PROBLEM, State.PROBLEM, State.PROBLEM),
                List.of(broken.get("JDK"), broken.get("processor"), broken.get("disk")));
        assertEquals(List.of(State.WARNING, State.PROBLEM), List.of(foreign.get("processor"), foreign.get("disk")));
    }

    @Test
    void everythingWrongComesWithWhatToDo() {
        var findings = machine(21, 1e9, 1e8, 1, new Processor("ancient", "amd64", Set.of("sse2")), 1e8, true)
                .findings();
        assertFalse(findings.stream().anyMatch(finding -> finding.advice().isEmpty()), findings::toString);
    }

    private static Map<String, State> states(Machine machine) {
        return machine.findings().stream().collect(Collectors.toMap(Finding::name, Finding::state));
    }

    private static Machine machine(
            int java, double memory, double heap, int cores, Processor processor, double free, boolean writable) {
        return new Machine(
                java + ".0.1",
                java,
                "/jdk",
                (long) memory,
                (long) heap,
                cores,
                processor,
                Path.of("/work"),
                (long) free,
                writable);
    }
}
