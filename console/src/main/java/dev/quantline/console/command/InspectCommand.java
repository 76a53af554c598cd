package dev.quantline.console.command;

import dev.quantline.export.Exporter;
import dev.quantline.export.Inspection;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ModelFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(name = "inspect", description = "says what is inside a model: bits and quantizers of every layer, sizes, where it comes from",
        mixinStandardHelpOptions = true)
final class InspectCommand implements Callable<Integer> {
    @Parameters(paramLabel = "MODEL.onnx", description = "any ONNX model")
    private Path model;

    @Override
    public Integer call() throws Exception {
        if (!Files.isReadable(model)) {
            throw new BadInput(model + ": no such file, or it cannot be read");
        }
        Inspection.of(ModelFile.read(model), Exporter.bytes(model)).lines().forEach(System.out::println);
        return ExitCode.DONE;
    }
}
