package dev.quantline.console.compare;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Two reports side by side, the first called a and the second b. Values that one of them lacks are empty.
 *
 * @param figures  of the models as a whole, in a fixed order
 * @param settings that differ, by their path in the request, besides what else the figures depend on
 * @param layers   that differ, those whose widths differ most first, then by the ratio of the errors of their weights
 */
public record Comparison(List<Figure> figures, List<Setting> settings, List<Layer> layers) {
    /** Errors below this are none. */
    private static final double LEAST_ERROR = 1e-12;
    /** Ratios of errors nearer to 1 than this are chance. */
    private static final double SAME = 1e-3;

    private static final int FLOAT = 32;

    /**
     * A figure.
     *
     * @param unit {@code bytes}, {@code ms}, {@code dB}, {@code bits} or empty
     */
    public record Figure(String name, String unit, Optional<Double> a, Optional<Double> b) {}

    /** A setting, its values as JSON. */
    public record Setting(String path, Optional<String> a, Optional<String> b) {}

    /** A layer as both results have it; empty where one has no quantized layer of the name. */
    public record Layer(String name, Optional<Width> a, Optional<Width> b) {
        /** Bits that are stored or read more in one than in the other. */
        private int bits() {
            return a.isEmpty() || b.isEmpty()
                    ? Integer.MAX_VALUE
                    : apart(a.get().weightBits, b.get().weightBits)
                            + apart(a.get().activationBits, b.get().activationBits);
        }

        private double errors() {
            var before = a.flatMap(Width::weightError);
            var after = b.flatMap(Width::weightError);
            return before.isEmpty() || after.isEmpty()
                    ? 0
                    : Math.abs(Math.log(Math.max(after.get(), LEAST_ERROR) / Math.max(before.get(), LEAST_ERROR)));
        }

        private static int apart(Optional<Integer> one, Optional<Integer> other) {
            return Math.abs(one.orElse(FLOAT) - other.orElse(FLOAT));
        }
    }

    /** The properties of a layer that may differ. @param weightError relative squared error of its weights before tuning */
    public record Width(Optional<Integer> weightBits, Optional<Integer> activationBits, Optional<Double> weightError) {}

    /** Compares two reports of any version. */
    public static Comparison of(JsonNode a, JsonNode b) {
        return new Comparison(figures(a, b), settings(a, b), layers(a, b));
    }

    private static List<Figure> figures(JsonNode a, JsonNode b) {
        var figures = new ArrayList<>(List.of(
                figure("float size", "bytes", "/float/bytes", a, b),
                figure("size", "bytes", "/quantized/bytes", a, b)));
        Stream.of(a, b)
                .map(report -> report.at("/quantized/metric/name").asText())
                .filter(name -> !name.isEmpty())
                .distinct()
                .forEach(metric -> {
                    figures.add(
                            new Figure(metric + ", float", "", metric(a, "float", metric), metric(b, "float", metric)));
                    figures.add(new Figure(metric, "", metric(a, "quantized", metric), metric(b, "quantized", metric)));
                });
        figures.addAll(List.of(
                figure("float latency", "ms", "/float/latencyMs", a, b),
                figure("latency", "ms", "/quantized/latencyMs", a, b),
                figure("cosine to float", "", "/fidelity/cosine", a, b),
                figure("SQNR", "dB", "/fidelity/sqnrDb", a, b),
                figure("bits per weight", "bits", "/quantized/averageWeightBits", a, b),
                figure("bits per activation", "bits", "/quantized/averageActivationBits", a, b)));
        return figures.stream()
                .filter(figure -> figure.a().isPresent() || figure.b().isPresent())
                .toList();
    }

    private static Figure figure(String name, String unit, String pointer, JsonNode a, JsonNode b) {
        return new Figure(name, unit, number(a.at(pointer)), number(b.at(pointer)));
    }

    private static Optional<Double> metric(JsonNode report, String model, String name) {
        var metric = report.path(model).path("metric");
        return metric.path("name").asText().equals(name) ? number(metric.path("value")) : Optional.empty();
    }

    private static Optional<Double> number(JsonNode value) {
        return value.isNumber() ? Optional.of(value.asDouble()) : Optional.empty();
    }

    private static List<Setting> settings(JsonNode a, JsonNode b) {
        var before = stated(a);
        var after = stated(b);
        var paths = new LinkedHashSet<>(before.keySet());
        paths.addAll(after.keySet());
        return paths.stream()
                .map(path ->
                        new Setting(path, Optional.ofNullable(before.get(path)), Optional.ofNullable(after.get(path))))
                .filter(setting -> !setting.a().equals(setting.b()))
                .toList();
    }

    /** Everything that was asked for, limits of another allocation included, and what figures depend on besides. */
    private static Map<String, String> stated(JsonNode report) {
        var stated = new LinkedHashMap<String, String>();
        var request = report.at("/asked/request");
        flatten("", request.isObject() ? request : report.path("provenance"), stated);
        if (!request.isObject()) {
            flatten("recipe", report.path("recipe"), stated);
        }
        var command = report.at("/asked/command").asText();
        if (command.startsWith("./quantline allocate ")) {
            stated.put("allocate", command.substring(command.indexOf(" --") + 1));
        }
        flatten("version", report.at("/provenance/version"), stated);
        flatten("processor", report.at("/processor/name"), stated);
        return stated;
    }

    private static void flatten(String path, JsonNode value, Map<String, String> into) {
        if (value.isObject()) {
            value.properties()
                    .forEach(field -> flatten(
                            path.isEmpty() ? field.getKey() : path + "." + field.getKey(), field.getValue(), into));
        } else if (!value.isMissingNode()) {
            into.put(path, value.toString());
        }
    }

    private static List<Layer> layers(JsonNode a, JsonNode b) {
        var before = widths(a);
        var after = widths(b);
        var names = new LinkedHashSet<>(before.keySet());
        names.addAll(after.keySet());
        return names.stream()
                .map(name ->
                        new Layer(name, Optional.ofNullable(before.get(name)), Optional.ofNullable(after.get(name))))
                .filter(layer -> layer.bits() > 0 || layer.errors() > SAME)
                .sorted(Comparator.comparingInt(Layer::bits)
                        .thenComparingDouble(Layer::errors)
                        .reversed())
                .toList();
    }

    private static Map<String, Width> widths(JsonNode report) {
        return report.path("layers")
                .valueStream()
                .collect(Collectors.toMap(
                        layer -> layer.path("name").asText(),
                        layer -> new Width(
                                integer(layer.path("weightBits")),
                                integer(layer.path("activationBits")),
                                number(layer.path("weightError"))),
                        (one, _) -> one,
                        LinkedHashMap::new));
    }

    private static Optional<Integer> integer(JsonNode value) {
        return value.isNumber() ? Optional.of(value.asInt()) : Optional.empty();
    }

    /** For people, with a limited number of layers. @param names of the two results */
    public List<String> lines(String a, String b, int most) {
        var lines = new ArrayList<String>();
        lines.add("a: " + a);
        lines.add("b: " + b);
        lines.add("");
        lines.add("%-20s %12s %12s %12s".formatted("", "a", "b", "b - a"));
        figures.forEach(figure -> lines.add(Words.figure(figure)));
        lines.add("");
        lines.add(settings.isEmpty() ? "no setting differs" : "settings that differ");
        table(
                settings,
                setting -> List.of(setting.path(), Words.setting(setting.a()), Words.setting(setting.b())),
                lines);
        lines.add("");
        lines.add(
                layers.isEmpty()
                        ? "no layer differs"
                        : "layers that differ most: weights/activations in bits, weight error%s"
                                .formatted(layers.size() > most ? "; %d of %d".formatted(most, layers.size()) : ""));
        table(
                layers.stream().limit(most).toList(),
                layer -> List.of(layer.name(), Words.width(layer.a()), Words.width(layer.b())),
                lines);
        return lines;
    }

    private static <T> void table(List<T> rows, Function<T, List<String>> cells, List<String> lines) {
        var texts = rows.stream().map(cells).toList();
        int first = texts.stream().mapToInt(row -> row.get(0).length()).max().orElse(1);
        int second = texts.stream().mapToInt(row -> row.get(1).length()).max().orElse(1);
        texts.forEach(row -> lines.add(("  %-" + first + "s  %-" + second + "s  %s")
                .formatted(row.toArray())
                .stripTrailing()));
    }
}
