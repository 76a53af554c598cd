package dev.quantline.console.command;

import dev.quantline.data.text.TextData;
import dev.quantline.data.text.TextSettings;
import dev.quantline.onnx.BadInput;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "text",
        description = "makes a data file from text: lines, rows or pairs of a table, or blocks of a long text",
        mixinStandardHelpOptions = true)
final class DataTextCommand implements Callable<Integer> {
    private static final int PERCENT = 100;

    @Parameters(
            paramLabel = "FILE",
            description = "plain text, one sample per line; or a table, .csv or .tsv, with a header row")
    private Path source;

    @Mixin
    private DataFileOptions file;

    @Option(
            names = "--tokenizer",
            paramLabel = "FILE",
            description = "the model's tokenizer.json (default: the one beside the model)")
    private Path tokenizer;

    @Option(
            names = "--length",
            paramLabel = "N",
            description = "tokens per sample (default: the model's, or those of the longest text)")
    private Integer length;

    @Option(names = "--blocks", description = "cut one text into blocks of --length tokens, for language models")
    private boolean blocks;

    @Option(
            names = "--text-column",
            paramLabel = "NAME",
            description = "column of texts (default: text, sentence or similar)")
    private String text;

    @Option(
            names = "--pair",
            paramLabel = "NAME,NAME",
            split = ",",
            description = "columns of pairs (default: sentence1,sentence2 or similar)")
    private List<String> pair;

    @Option(
            names = "--joint",
            description = "join both texts of a pair into one sequence, for models that read them together")
    private boolean joint;

    @Option(
            names = "--score-column",
            paramLabel = "NAME",
            description = "column of scores of pairs (default: score or similar)")
    private String score;

    @Option(
            names = "--ids",
            paramLabel = "NAME",
            description = "the model's input for token ids (default: input_ids, or the only one)")
    private String ids;

    @Option(
            names = "--padded",
            description = "pad even for a model that takes no mask; otherwise its short texts are skipped")
    private boolean padded;

    @Override
    public Integer call() throws Exception {
        if (pair != null && pair.size() != 2) {
            throw new BadInput("--pair names two columns, as sentence1,sentence2");
        }
        var vocabulary = Optional.ofNullable(tokenizer)
                .or(() -> file.model.beside("tokenizer.json"))
                .orElseThrow(
                        () -> new BadInput(
                                "--tokenizer is missing, and no tokenizer.json lies beside the model: give the one it was trained with"));
        var columns = Optional.ofNullable(pair);
        var settings = new TextSettings(
                length == null ? OptionalInt.empty() : OptionalInt.of(length),
                blocks,
                Optional.ofNullable(text),
                columns.map(List::getFirst),
                columns.map(List::getLast),
                joint,
                Optional.ofNullable(score),
                file.label(),
                Optional.ofNullable(ids),
                padded,
                file.subset());
        TextData.Result result;
        try (var display = DataFileOptions.display()) {
            result = TextData.write(source, vocabulary, file.model.read(), settings, file.out, display.of("text"));
        }
        tell(result);
        return ExitCode.DONE;
    }

    private void tell(TextData.Result result) {
        System.out.println(String.format(
                Locale.ROOT,
                "%s: %d sequences of %d tokens, %.0f %% of them padding; %s",
                file.out,
                result.rows(),
                result.length(),
                PERCENT * result.padding(),
                result.described()));
        if (result.cut() > 0) {
            System.out.println(result.cut() + " texts had more tokens and were truncated");
        }
        if (result.leftOut() > 0) {
            System.out.println(result.leftOut()
                    + " texts had fewer tokens and were skipped: the model takes no mask that would hide "
                    + "padding");
        }
        result.classes()
                .filter(_ -> result.metric().filter("top1"::equals).isPresent())
                .ifPresent(labels -> System.out.println("labels: "
                        + labels.names().entrySet().stream()
                                .map(one -> one.getKey() + " " + one.getValue())
                                .collect(Collectors.joining(", "))));
        if (!result.left().isEmpty()) {
            System.out.println("the file has no arrays for the model's inputs " + String.join(", ", result.left()));
        }
        file.printNext(result.metric()
                .map(metric -> "; to evaluate on it: --eval %s --metric %s".formatted(file.out, metric))
                .orElse(""));
    }
}
