package dev.quantline.bench.gradient;

import dev.quantline.bench.Subject;
import dev.quantline.gradient.train.Optimizer;
import dev.quantline.gradient.train.Run;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.rewrite.Canonical;
import dev.quantline.onnx.runtime.Normalization;
import dev.quantline.onnx.runtime.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * Trains on CIFAR-10 and draws the curves: {@code resnet20} is fine-tuned on JPEG images, which cost it 11 points;
 * {@code vit} starts from random weights. Arguments: which, the folder with {@code models} and {@code data}, steps.
 * Pictures go to {@code out/bench}.
 */
public final class TrainingBench {
    static final Normalization RESNET =
            new Normalization(new float[] {.4914f, .4822f, .4465f}, new float[] {.2023f, .1994f, .2010f});

    private TrainingBench() {}

    public static void main(String[] arguments) throws IOException {
        String which = arguments.length > 0 ? arguments[0] : "resnet20";
        var shared = Path.of(arguments.length > 1 ? arguments[1] : "../shared");
        int steps = arguments.length > 2 ? Integer.parseInt(arguments[2]) : which.equals("vit") ? 1500 : 300;
        long start = System.nanoTime();
        var curve = which.equals("vit")
                ? vit(shared, steps, 10, 3000, TrainingBench::say)
                : resnet(shared, steps, 6, 3000, TrainingBench::say);
        System.out.printf(
                "%s: %.2f %% right at the start, %.2f %% after %d steps, %.0f s%n",
                which,
                right(curve.getFirst()),
                right(curve.getLast()),
                curve.getLast().step(),
                (System.nanoTime() - start) / 1e9);
        draw(which, curve);
    }

    /** Fine-tunes the published weights. */
    static List<Run.Point> resnet(Path shared, int steps, int evaluations, int validated, Progress progress)
            throws IOException {
        var model = Canonical.of(ModelFile.read(shared.resolve("models/resnet20_cifar10.onnx")));
        var settings =
                new Classification.Settings(64, steps, steps / evaluations, Optimizer.sgd(0.01, 0.9), steps / 20, 0);
        return Classification.train(model, shared.resolve("data/cifar10"), RESNET, settings, validated, progress);
    }

    /** Trains from random weights. */
    static List<Run.Point> vit(Path shared, int steps, int evaluations, int validated, Progress progress)
            throws IOException {
        var settings = new Classification.Settings(
                64, steps, steps / evaluations, Optimizer.adamW(1e-3, 0.05), steps / 20, 0.1);
        return Classification.train(
                SmallVit.of(3, 64, 1), shared.resolve("data/cifar10"), Subject.CIFAR10, settings, validated, progress);
    }

    private static void say(double fraction, String message) {
        if (Math.round(fraction * 1000) % 50 == 0) {
            System.out.println(message);
        }
    }

    static double right(Run.Point point) {
        return 100 * (1 - point.score());
    }

    private static void draw(String name, List<Run.Point> curve) throws IOException {
        var measured =
                curve.stream().filter(point -> !Double.isNaN(point.loss())).toList();
        var chart = new XYChartBuilder()
                .width(800)
                .height(450)
                .title(name + " on CIFAR-10")
                .xAxisTitle("step")
                .build();
        chart.setYAxisGroupTitle(0, "validation accuracy, %");
        chart.setYAxisGroupTitle(1, "training loss");
        add(chart, "validation accuracy", curve, TrainingBench::right, 0);
        add(chart, "training loss", measured, Run.Point::loss, 1);
        Files.createDirectories(Path.of("out/bench"));
        BitmapEncoder.saveBitmap(chart, "out/bench/" + name, BitmapEncoder.BitmapFormat.PNG);
    }

    private static void add(
            XYChart chart, String series, List<Run.Point> points, ToDoubleFunction<Run.Point> value, int axis) {
        var line = chart.addSeries(
                series,
                points.stream().mapToDouble(Run.Point::step).toArray(),
                points.stream().mapToDouble(value).toArray());
        line.setYAxisGroup(axis);
        line.setMarker(SeriesMarkers.CIRCLE);
    }
}
