package dev.quantline.data.image;

import dev.quantline.data.Labels;
import dev.quantline.data.NormalizeFile;
import dev.quantline.data.OutFiles;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Normalization;
import dev.quantline.onnx.runtime.NpzWriter;
import dev.quantline.onnx.runtime.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Writes pictures as the array that a model takes, with a few in memory at a time ({@link Prefetch}): bytes, which the pipeline
 * normalises, for models that take floats with channels after the samples; normalised floats for models with channels last or half
 * precision.
 */
public final class ImageData {
    private final ImageSettings settings;
    private final PictureInput input;
    private final Preparation preparation;
    private final Optional<Normalization> normalization;
    private final boolean bytes;
    private final boolean reversed;

    private ImageData(Graph model, ImageSettings settings) throws IOException {
        this.settings = settings;
        if (settings.fill() < 0 || settings.fill() > 255) {
            throw new BadInput("--fill " + settings.fill() + " is not a byte: use 0 to 255");
        }
        boolean gray =
                settings.channels().filter(ImageSettings.Channels.GRAY::equals).isPresent();
        input = PictureInput.of(model, settings.input(), settings.layout(), gray);
        if (input.channels() == 1 != gray && settings.channels().isPresent()) {
            throw new BadInput("--channels %s does not fit the model's input '%s' of %d channels"
                    .formatted(
                            settings.channels().get().name().toLowerCase(Locale.ROOT), input.name(), input.channels()));
        }
        var preprocessor = settings.preprocessor().isPresent()
                ? Optional.of(Preprocessor.read(settings.preprocessor().get()))
                : Optional.<Preprocessor>empty();
        preprocessor.filter(_ -> settings.channels().isEmpty()).ifPresent(file -> file.checkChannels(input.channels()));
        preparation = preparation(preprocessor);
        normalization = normalization(preprocessor);
        bytes = input.type() == DataType.UINT8 || input.type() == DataType.FLOAT && !input.last() && !settings.floats();
        reversed = input.channels() == 3
                && settings.channels()
                        .map(ImageSettings.Channels.BGR::equals)
                        .orElse(preprocessor.filter(Preprocessor::reversed).isPresent());
    }

    /**
     * What was written.
     *
     * @param samples   pictures
     * @param classes   numbers of the classes; empty for pictures without labels
     * @param skipped   why pictures were left out, one line each
     * @param ignored   other files in the folder
     * @param array     name, type and shape
     * @param described what was done to the pictures
     * @param normalize the file for {@code quantize --normalize}; empty where nothing is left to do
     */
    public record Result(
            int samples,
            Optional<Labels> classes,
            List<String> skipped,
            int ignored,
            String array,
            String described,
            Optional<Path> normalize) {}

    /**
     * Writes an {@code .npz}, and beside it the normalisation and the names of the classes where there are such.
     *
     * @param source a folder, or a table of paths
     * @throws BadInput naming the file or option that cannot be used; nothing is written then
     */
    public static Result write(Path source, Graph model, ImageSettings settings, Path out, Progress progress)
            throws IOException {
        return write(source, model, settings, out, Runtime.getRuntime().availableProcessors(), progress);
    }

    /** The same with a given number of pictures read at once, which does not change the bytes. */
    static Result write(Path source, Graph model, ImageSettings settings, Path out, int threads, Progress progress)
            throws IOException {
        return new ImageData(model, settings).write(source, new OutFiles(out), threads, progress);
    }

    private Preparation preparation(Optional<Preprocessor> preprocessor) {
        boolean stated = settings.size().isPresent()
                || settings.fit().isPresent()
                || settings.shorterSide().isPresent();
        var filter = settings.filter()
                .or(() -> preprocessor.map(Preprocessor::filter))
                .orElse(Filter.BILINEAR);
        if (preprocessor.isPresent() && !stated) {
            return new Preparation(
                    preprocessor.get().fit(), filter, preprocessor.get().crop(), settings.fill());
        }
        settings.size()
                .filter(size ->
                        input.size().isPresent() && !size.equals(input.size().get()))
                .ifPresent(size -> {
                    throw new BadInput("--size %s does not fit the model's input '%s', which takes %s"
                            .formatted(size, input.name(), input.size().get()));
                });
        var size = settings.size()
                .or(input::size)
                .orElseThrow(() -> new BadInput("the model leaves the size of pictures open: give --size "
                        + "WIDTHxHEIGHT, the one it was trained with, or its "
                        + "preprocessor_config.json with --preprocessor"));
        settings.shorterSide()
                .filter(pixels -> pixels < Math.max(size.width(), size.height()))
                .ifPresent(pixels -> {
                    throw new BadInput(
                            "--shorter-side %d leaves less than the centre crop of %s".formatted(pixels, size));
                });
        return switch (settings.fit().orElse(ImageSettings.Shape.CROP)) {
            case CROP ->
                new Preparation(
                        settings.shorterSide().<Fit>map(Fit.ShorterSide::new).orElse(new Fit.Cover(size)),
                        filter,
                        Optional.of(size),
                        settings.fill());
            case STRETCH -> new Preparation(new Fit.Stretch(size), filter, Optional.empty(), settings.fill());
            case PAD -> new Preparation(new Fit.Inside(size), filter, Optional.of(size), settings.fill());
        };
    }

    private Optional<Normalization> normalization(Optional<Preprocessor> preprocessor) throws IOException {
        if (input.type() == DataType.UINT8) {
            if (settings.normalize().isPresent()) {
                throw new BadInput("the model's input '%s' takes bytes, which are not normalised: leave --normalize out"
                        .formatted(input.name()));
            }
            return Optional.empty();
        }
        if (!input.type().isFloating() || input.type() == DataType.BFLOAT16) {
            throw new BadInput("the model's input '%s' takes %s: pictures are bytes or floats"
                    .formatted(input.name(), input.type()));
        }
        var given = settings.normalize().isPresent()
                ? Scale.of(settings.normalize().get(), input.name())
                : preprocessor
                        .map(Preprocessor::normalization)
                        .orElseThrow(() -> new BadInput("the model's normalisation is not known: "
                                + "give --normalize imagenet, half (-1 to 1), unit (0 to 1), bytes (0 to 255) or FILE, "
                                + "or its preprocessor_config.json with --preprocessor"));
        return Optional.of(Scale.forChannels(given, input.channels()));
    }

    private Result write(Path source, OutFiles out, int threads, Progress progress) throws IOException {
        var list = PictureList.of(source, settings.columns());
        var labels = labels(list);
        var numbers = labels.map(classes -> classes.numbersOf(
                list.entries().stream().map(PictureList.Entry::label).distinct().toList()));
        var chosen = settings.subset().shuffled(list.entries());
        var reader = new PictureReader(input.channels(), settings.mostPixels());
        var skipped = new ArrayList<String>();
        int samples = 0;
        Size size = input.size().orElse(null);
        try (var npz = new NpzWriter(out.npz());
                var ahead = new Prefetch<>(chosen, threads, entry -> prepared(reader, entry.file()))) {
            for (int i = 0; i < chosen.size(); i++) {
                progress.report((double) i / chosen.size(), "picture " + (i + 1) + " of " + chosen.size());
                var entry = chosen.get(i);
                Prepared picture;
                try {
                    picture = ahead.next();
                } catch (BadInput bad) {
                    if (!settings.skipBroken()) {
                        throw bad;
                    }
                    skipped.add(bad.getMessage());
                    continue;
                }
                size = size == null ? picture.size() : size;
                checkSize(entry.file(), picture.size(), size);
                npz.add(input.name(), picture.row());
                if (numbers.isPresent()) {
                    npz.add("labels", Tensor.vector((long) numbers.get().get(entry.label())));
                }
                samples++;
            }
            if (samples == 0) {
                throw new BadInput("none of %d pictures can be read: %s".formatted(chosen.size(), skipped.getFirst()));
            }
            npz.finish();
        }
        progress.report(1, samples + " pictures");
        return result(out, list, labels, skipped, samples, size);
    }

    private Result result(
            OutFiles out, PictureList list, Optional<Labels> labels, List<String> skipped, int samples, Size size)
            throws IOException {
        if (labels.isPresent() && !labels.get().numbered()) {
            Files.writeString(out.beside("labels.json"), labels.get().json().toPrettyString() + "\n");
        }
        var normalize =
                bytes && normalization.isPresent() ? Optional.of(out.beside("normalize.json")) : Optional.<Path>empty();
        if (normalize.isPresent()) {
            NormalizeFile.write(normalize.get(), input.name(), normalization.get());
        }
        var array = (input.last() ? "'%s' %s [%d, %d, %d, %d]" : "'%s' %s [%d, %6$d, %4$d, %5$d]")
                .formatted(
                        input.name(),
                        bytes ? DataType.UINT8 : input.type(),
                        samples,
                        size.height(),
                        size.width(),
                        input.channels());
        return new Result(
                samples,
                labels,
                List.copyOf(skipped),
                list.ignored(),
                array,
                preparation.described()
                        + (input.channels() == 1 ? ", grey" : reversed ? ", blue first" : "")
                        + (bytes ? "" : ", normalised"),
                normalize);
    }

    /** Classes of all pictures, also of those that are not taken: the numbers are the same for every subset. */
    private Optional<Labels> labels(PictureList list) throws IOException {
        var names =
                list.entries().stream().map(PictureList.Entry::label).distinct().toList();
        if (names.contains(null)) {
            if (settings.classes().isPresent()) {
                throw new BadInput(
                        "--classes names labels, but the pictures have none: sub-folders or a column name them");
            }
            return Optional.empty();
        }
        return Optional.of(
                settings.classes().isPresent() ? Labels.read(settings.classes().get()) : Labels.of(names));
    }

    /** A picture as the array has it. */
    private record Prepared(Size size, Tensor row) {}

    private Prepared prepared(PictureReader reader, Path file) throws IOException {
        return reader.read(file, read -> {
            try {
                var picture = preparation.apply(read);
                return new Prepared(new Size(picture.width(), picture.height()), row(picture));
            } catch (BadInput bad) {
                throw new BadInput(file + ": " + bad.getMessage(), bad);
            }
        });
    }

    private void checkSize(Path file, Size actual, Size wanted) {
        if (!actual.equals(wanted)) {
            throw new BadInput("%s, %s, is then %s, but %s is needed: use --size and --fit"
                    .formatted(
                            file,
                            preparation.described(),
                            actual,
                            wanted + (input.size().isPresent() ? " by the model" : " by the pictures before it")));
        }
    }

    /** One picture as {@code [1, ...]} in the model's layout. */
    private Tensor row(Picture picture) {
        int channels = input.channels();
        int plane = picture.width() * picture.height();
        var shape = input.last()
                ? new long[] {1, picture.height(), picture.width(), channels}
                : new long[] {1, channels, picture.height(), picture.width()};
        var values = new byte[channels * plane];
        for (int i = 0; i < plane; i++) {
            for (int c = 0; c < channels; c++) {
                values[input.last() ? i * channels + c : c * plane + i] =
                        picture.pixels()[i * channels + (reversed ? 2 - c : c)];
            }
        }
        return bytes ? Tensor.of(DataType.UINT8, values, shape) : floats(values, shape, plane);
    }

    private Tensor floats(byte[] values, long[] shape, int plane) {
        int channels = input.channels();
        var floats = new float[values.length];
        for (int i = 0; i < floats.length; i++) {
            int c = input.last() ? i % channels : i / plane;
            float scale = 1 / (255 * normalization.get().std()[c]);
            floats[i] = Byte.toUnsignedInt(values[i]) * scale
                    - normalization.get().mean()[c] / normalization.get().std()[c];
        }
        var tensor = Tensor.of(floats, shape);
        return switch (input.type()) {
            case FLOAT -> tensor;
            case FLOAT16 -> tensor.half();
            default -> {
                var doubles = Tensor.zeros(DataType.DOUBLE, shape);
                for (int i = 0; i < floats.length; i++) {
                    doubles.data().putDouble(i * Double.BYTES, floats[i]);
                }
                yield doubles;
            }
        };
    }
}
