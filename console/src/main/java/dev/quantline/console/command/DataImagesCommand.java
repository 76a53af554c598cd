package dev.quantline.console.command;

import dev.quantline.data.image.Filter;
import dev.quantline.data.image.ImageData;
import dev.quantline.data.image.ImageSettings;
import dev.quantline.data.image.Size;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "images",
        description = "makes a data file from PNG, JPEG and WebP pictures",
        mixinStandardHelpOptions = true)
final class DataImagesCommand implements Callable<Integer> {
    private static final int NAMED_CLASSES = 20;

    private enum Layout {
        NCHW,
        NHWC
    }

    @Parameters(
            paramLabel = "DIR|CSV",
            description = "a folder whose sub-folders are named after their classes; or a table, .csv or "
                    + ".tsv, of paths inside its own folder")
    private Path source;

    @Mixin
    private DataFileOptions file;

    @Option(
            names = "--normalize",
            paramLabel = "NAME|FILE",
            description =
                    "as in the model's training: imagenet, half (-1 to 1), unit (0 to 1), bytes (0 to 255), or a file as for "
                            + "quantize")
    private String normalize;

    @Option(
            names = "--preprocessor",
            paramLabel = "FILE",
            description =
                    "a Hugging Face preprocessor_config.json (default: the one beside the model, if there is one)")
    private Path preprocessor;

    @Option(names = "--size", paramLabel = "WxH", description = "size of the pictures (default: the model's)")
    private String size;

    @Option(names = "--fit", description = "how to fit other proportions: crop (default), stretch or pad")
    private ImageSettings.Shape fit;

    @Option(
            names = "--shorter-side",
            paramLabel = "N",
            description = "pixels of the shorter side before the centre crop, often 256 for 224")
    private Integer shorterSide;

    @Option(
            names = "--filter",
            paramLabel = "NAME",
            description = "nearest, box, bilinear (default), hamming, bicubic or lanczos")
    private String filter;

    @Option(
            names = "--fill",
            paramLabel = "N",
            defaultValue = "0",
            description = "0 to 255: what --fit pad fills with (default: 0)")
    private int fill;

    @Option(names = "--channels", description = "rgb (default), bgr or gray")
    private ImageSettings.Channels channels;

    @Option(names = "--layout", description = "nchw or nhwc, if the model's sizes do not tell")
    private Layout layout;

    @Option(names = "--input", paramLabel = "NAME", description = "the model's input, if several could be it")
    private String input;

    @Option(names = "--floats", description = "store normalised floats, four times as large, even if bytes would do")
    private boolean floats;

    @Option(
            names = "--path-column",
            paramLabel = "NAME",
            description = "column of paths (default: file_name, path or similar)")
    private String pathColumn;

    @Option(
            names = "--classes",
            paramLabel = "FILE",
            description =
                    "the model's classes in its order: one per line, or a config.json with id2label (default: names in alphabetical order)")
    private Path classes;

    @Option(names = "--skip-broken", description = "skip broken pictures and count them")
    private boolean skipBroken;

    @Option(
            names = "--max-pixels",
            paramLabel = "N",
            defaultValue = "" + ImageSettings.MOST_PIXELS,
            description = "refuse larger pictures before decoding them (default: ${DEFAULT-VALUE})")
    private long maxPixels;

    @Override
    public Integer call() throws Exception {
        var settings = new ImageSettings(
                Optional.ofNullable(input),
                Optional.ofNullable(layout).map(Layout::name).map(String::toLowerCase),
                Optional.ofNullable(channels),
                Optional.ofNullable(size).map(Size::of),
                Optional.ofNullable(shorterSide),
                Optional.ofNullable(fit),
                Optional.ofNullable(filter).map(Filter::named),
                fill,
                Optional.ofNullable(preprocessor).or(() -> file.model.beside("preprocessor_config.json")),
                Optional.ofNullable(normalize),
                floats,
                Optional.ofNullable(pathColumn),
                file.label(),
                Optional.ofNullable(classes),
                file.subset(),
                skipBroken,
                maxPixels);
        ImageData.Result result;
        try (var display = DataFileOptions.display()) {
            result = ImageData.write(source, file.model.read(), settings, file.out, display.of("images"));
        }
        result.skipped().forEach(reason -> System.err.println("skipped: " + reason));
        tell(result, settings.preprocessor());
        return ExitCode.DONE;
    }

    private void tell(ImageData.Result result, Optional<Path> configuration) {
        System.out.println("%s: array %s of %d pictures%s%s"
                .formatted(
                        file.out,
                        result.array(),
                        result.samples(),
                        result.skipped().isEmpty()
                                ? ""
                                : ", %d broken ones skipped"
                                        .formatted(result.skipped().size()),
                        result.ignored() == 0 ? "" : ", %d other files ignored".formatted(result.ignored())));
        System.out.println("pictures: " + result.described()
                + configuration.map(named -> "; " + named).orElse(""));
        result.classes()
                .ifPresent(labels -> System.out.println("labels: "
                        + labels.names().entrySet().stream()
                                .limit(NAMED_CLASSES)
                                .map(label -> label.getKey() + " " + label.getValue())
                                .collect(Collectors.joining(", "))
                        + (labels.names().size() > NAMED_CLASSES
                                ? ", ... %d in total".formatted(labels.names().size())
                                : "")));
        file.printNext(
                result.normalize().map(written -> " --normalize " + written).orElse(""));
    }
}
