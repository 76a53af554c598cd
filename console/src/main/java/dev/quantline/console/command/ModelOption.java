package dev.quantline.console.command;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Option;

/** The model that data is for. */
final class ModelOption {
    @Option(
            names = "--model",
            required = true,
            paramLabel = "MODEL.onnx",
            description = "the model that the data is for")
    private Path model;

    Graph read() throws IOException {
        return ModelFile.read(readable(model));
    }

    Path file() {
        return model;
    }

    /** A file of this name in the model's folder, if there is one. */
    Optional<Path> beside(String name) {
        return Optional.of(model.resolveSibling(name)).filter(Files::isRegularFile);
    }

    /** The file itself. @throws BadInput when there is none */
    static Path readable(Path file) {
        if (!Files.isRegularFile(file) || !Files.isReadable(file)) {
            throw new BadInput(file + ": no such file, or it cannot be read");
        }
        return file;
    }
}
