package dev.quantline.console.command;

import dev.quantline.console.client.Connection;
import dev.quantline.console.client.Probe;
import dev.quantline.console.doctor.Finding;
import dev.quantline.console.doctor.Machine;
import dev.quantline.console.stack.LocalStack;
import dev.quantline.onnx.runtime.Session;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.apache.kafka.common.utils.AppInfoParser;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(
        name = "doctor",
        description = "checks this machine and the addresses that would be used; exit code 2 if something is wrong",
        mixinStandardHelpOptions = true)
final class DoctorCommand implements Callable<Integer> {
    @Mixin
    private AddressOptions stack;

    @Mixin
    private JsonOption json;

    @Override
    public Integer call() throws Exception {
        var findings = new ArrayList<>(Machine.current(LocalStack.DATA).findings());
        findings.addAll(versions());
        findings.addAll(addresses(stack.find()));
        var usable = findings.stream().noneMatch(finding -> finding.state() == Finding.State.PROBLEM);
        json.print(findings, () -> findings.forEach(DoctorCommand::tell));
        return usable ? ExitCode.DONE : ExitCode.UNUSABLE;
    }

    private static void tell(Finding finding) {
        System.out.println("%-8s %-12s %s".formatted(finding.state().word(), finding.name(), finding.says()));
        if (!finding.advice().isEmpty()) {
            System.out.println("%-8s %-12s -> %s".formatted("", "", finding.advice()));
        }
    }

    private static List<Finding> versions() throws IOException {
        return List.of(
                Finding.ok("Quantline", QuantlineCommand.version()),
                runtime(),
                Finding.ok("Kafka client", AppInfoParser.getVersion()));
    }

    /** What is native may be missing for this system. */
    private static Finding runtime() {
        try {
            return Finding.ok("ONNX Runtime", Session.version());
        } catch (LinkageError failure) {
            return Finding.problem(
                    "ONNX Runtime",
                    "its native library cannot be loaded: " + failure.getMessage(),
                    "use a system that README lists under What it runs on");
        }
    }

    private static List<Finding> addresses(Optional<Connection> connection) throws IOException {
        if (connection.isEmpty()) {
            return List.of(Finding.ok(
                    "stack",
                    "none is named and none runs in this folder: quantize, demo and allocate start their own, "
                            + "./quantline up starts one that keeps running"));
        }
        var named = connection.get();
        return List.of(
                Probe.broker(named)
                        .map(reason -> Finding.problem(
                                "Kafka",
                                named.kafka() + ": " + reason,
                                "start it, or name another with --kafka HOST:PORT"))
                        .orElseGet(() -> Finding.ok("Kafka", named.kafka() + " answers")),
                Probe.store(named)
                        .map(reason -> Finding.problem(
                                "store",
                                named.s3() + ": " + reason,
                                "start it, or name another with --s3 URL, and its keys with "
                                        + "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"))
                        .orElseGet(() -> Finding.ok("store", named.s3() + " answers")));
    }
}
