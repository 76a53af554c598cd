package dev.quantline.console.command;

import dev.quantline.data.DataCheck;
import dev.quantline.data.Finding;
import dev.quantline.data.NormalizeFile;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "check",
        description = "checks whether a model accepts a data file; exit code 1 if something is wrong",
        mixinStandardHelpOptions = true)
final class DataCheckCommand implements Callable<Integer> {
    @Parameters(paramLabel = "FILE.npz", description = "the data")
    private Path file;

    @Mixin
    private ModelOption model;

    @Option(names = "--normalize", paramLabel = "FILE", description = "as for quantize")
    private Path normalize;

    @Mixin
    private JsonOption json;

    /** A finding. @param kind {@code wrong} or {@code doubtful} */
    private record Remark(String kind, String text) {}

    private record Verdict(boolean usable, List<String> inputs, List<Remark> findings) {}

    @Override
    public Integer call() throws Exception {
        var result = DataCheck.of(
                ModelOption.readable(file), model.read(), normalize == null ? Map.of() : NormalizeFile.read(normalize));
        var verdict = new Verdict(
                result.usable(),
                result.table(),
                result.findings().stream().map(DataCheckCommand::said).toList());
        json.print(verdict, () -> {
            verdict.inputs().forEach(System.out::println);
            verdict.findings().forEach(finding -> System.out.println(finding.kind() + ": " + finding.text()));
            System.out.println(verdict.usable() ? "the model accepts it" : "the model does not accept it");
        });
        return result.usable() ? ExitCode.DONE : ExitCode.FAILED;
    }

    private static Remark said(Finding finding) {
        return switch (finding) {
            case Finding.Wrong(var text) -> new Remark("wrong", text);
            case Finding.Doubtful(var text) -> new Remark("doubtful", text);
        };
    }
}
