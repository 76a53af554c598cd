package dev.quantline.console.command;

import dev.quantline.data.DataCheck;
import dev.quantline.data.Finding;
import dev.quantline.data.NormalizeFile;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "check", description = "says whether a model can take a data file; exit code 1 when something is wrong",
        mixinStandardHelpOptions = true)
final class DataCheckCommand implements Callable<Integer> {
    @Parameters(paramLabel = "FILE.npz", description = "the data")
    private Path file;

    @Mixin
    private ModelOption model;

    @Option(names = "--normalize", paramLabel = "FILE", description = "as for quantize")
    private Path normalize;

    @Override
    public Integer call() throws Exception {
        var result = DataCheck.of(ModelOption.readable(file), model.read(), normalize == null ? Map.of() : NormalizeFile.read(normalize));
        result.table().forEach(System.out::println);
        result.findings().forEach(finding -> System.out.println(switch (finding) {
            case Finding.Wrong(var text) -> "wrong: " + text;
            case Finding.Doubtful(var text) -> "doubtful: " + text;
        }));
        System.out.println(result.usable() ? "the model can take it" : "the model cannot take it so");
        return result.usable() ? ExitCode.DONE : ExitCode.FAILED;
    }
}
