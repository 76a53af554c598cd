package dev.quantline.console.command;

import dev.quantline.data.DataShow;
import dev.quantline.data.image.ArrayPictures;
import dev.quantline.data.text.TokenizerFile;
import dev.quantline.onnx.runtime.NpzArrays;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import java.util.function.Function;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "show",
        description = "shows what is in a data file: arrays, types, shapes, ranges, first samples",
        mixinStandardHelpOptions = true)
final class DataShowCommand implements Callable<Integer> {
    @Parameters(paramLabel = "FILE.npz", description = "any NumPy archive")
    private Path file;

    @Option(
            names = "--samples",
            paramLabel = "N",
            defaultValue = "3",
            description = "samples to show (default: ${DEFAULT-VALUE})")
    private int samples;

    @Option(names = "--tokenizer", paramLabel = "FILE", description = "a tokenizer.json, to show tokens as text")
    private Path tokenizer;

    @Option(
            names = "--pictures",
            paramLabel = "DIR",
            description = "receives the first samples of picture arrays as PNG files")
    private Path pictures;

    @Mixin
    private JsonOption json;

    /** Everything shown. @param pictures files that were written, where that was wanted */
    private record Content(List<DataShow.Summary> arrays, List<String> samples, Optional<List<String>> pictures) {}

    @Override
    public Integer call() throws Exception {
        try (var arrays = NpzArrays.open(ModelOption.readable(file))) {
            var written = pictures == null
                    ? Optional.<List<String>>empty()
                    : Optional.of(ArrayPictures.write(arrays, samples, pictures).stream()
                            .map(Path::toString)
                            .toList());
            var content = new Content(DataShow.arrays(arrays), samples > 0 ? first(arrays) : List.of(), written);
            json.print(content, () -> tell(content));
        }
        return ExitCode.DONE;
    }

    private List<String> first(NpzArrays arrays) throws IOException {
        try (var text = tokenizer == null ? null : TokenizerFile.open(tokenizer, OptionalInt.empty())) {
            var decode = Optional.ofNullable(text).<Function<long[], String>>map(opened -> opened::decode);
            return DataShow.samples(arrays, samples, decode);
        }
    }

    private void tell(Content content) {
        DataShow.table(content.arrays()).forEach(System.out::println);
        if (samples > 0) {
            System.out.println();
            content.samples().forEach(System.out::println);
        }
        content.pictures()
                .ifPresent(written -> System.out.println(
                        written.isEmpty()
                                ? "no array holds pictures (four axes, 1 or 3 channels)"
                                : written.size() + " pictures in " + pictures));
    }
}
