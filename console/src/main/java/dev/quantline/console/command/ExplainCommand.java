package dev.quantline.console.command;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ClosestName;
import dev.quantline.pipeline.job.JobField;
import dev.quantline.pipeline.job.JobReader;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "explain",
        description = "explains a field of a job request or recipe: what it does and which values it takes",
        mixinStandardHelpOptions = true)
final class ExplainCommand implements Callable<Integer> {
    private static final int LONGEST_LIST = 8;

    @Parameters(
            paramLabel = "FIELD",
            arity = "0..1",
            description = "calibrate.range, recipe.tune.layers, goal (default: lists all fields)")
    private String name;

    @Option(names = "--schema", description = "prints the JSON schema of a request instead")
    private boolean schema;

    @Mixin
    private JsonOption json;

    @Override
    public Integer call() {
        if (schema) {
            JobReader.publishedSchema().toPrettyString().lines().forEach(System.out::println);
            return ExitCode.DONE;
        }
        var all = JobField.all();
        var fields = name == null ? all : named(all, name.toLowerCase(Locale.ROOT));
        json.print(fields, () -> {
            if (name == null) {
                list(all);
            } else {
                fields.forEach(field -> tell(field, all));
            }
        });
        return ExitCode.DONE;
    }

    /** The field of this path, whose beginning may be left out where that says enough; else every field of the name. */
    private static List<JobField> named(List<JobField> all, String name) {
        for (var path : List.of(name, "recipe." + name)) {
            var exact = all.stream()
                    .filter(field -> field.path().equalsIgnoreCase(path))
                    .toList();
            if (!exact.isEmpty()) {
                return exact;
            }
        }
        var ending = all.stream()
                .filter(field -> field.path().toLowerCase(Locale.ROOT).endsWith("." + name))
                .toList();
        if (ending.isEmpty()) {
            throw new BadInput(
                    "no such field: '" + name + "'" + nearest(all, name) + "; ./quantline explain lists all");
        }
        return ending;
    }

    /** Paths that are spelt much like it, whole or without their beginnings. */
    private static String nearest(List<JobField> all, String name) {
        var paths = all.stream().map(JobField::path).toList();
        var endings = paths.stream().map(ExplainCommand::last).distinct().toList();
        var found = Stream.of(
                        ClosestName.to(name, paths),
                        ClosestName.to("recipe." + name, paths),
                        ClosestName.to(last(name), endings))
                .flatMap(Optional::stream)
                .distinct()
                .flatMap(word -> paths.stream().filter(path -> path.equals(word) || path.endsWith("." + word)))
                .distinct()
                .limit(LONGEST_LIST)
                .toList();
        return found.isEmpty() ? "" : ", did you mean " + String.join(" or ", found) + "?";
    }

    private static String last(String path) {
        return path.substring(path.lastIndexOf('.') + 1);
    }

    private static void list(List<JobField> all) {
        int width = all.stream().mapToInt(field -> field.path().length()).max().orElse(1);
        all.forEach(field -> System.out.println(("%-" + width + "s  %s").formatted(field.path(), field.description())));
    }

    private static void tell(JobField field, List<JobField> all) {
        System.out.println(field.path() + (field.required() ? " (required)" : ""));
        System.out.println("  " + field.description());
        row("type", field.type());
        row("values", String.join(", ", field.values()));
        row("limits", String.join(", ", field.limits()));
        row(
                "default",
                field.standard()
                        .or(() -> field.presets().isEmpty()
                                ? Optional.<String>empty()
                                : Optional.of(byPreset(field.presets(), all)))
                        .orElse(""));
        row(
                "fields",
                all.stream()
                        .filter(field::has)
                        .map(inner -> inner.path().substring(field.path().length() + 1))
                        .filter(inner -> !inner.contains(".") || inner.startsWith("NAME."))
                        .collect(Collectors.joining(", ")));
    }

    /** Values with the presets that have them, {@code "off" with int8, w8a8-fast; "reconstruct" with w4a4}; one that all have alone. */
    private static String byPreset(Map<String, String> presets, List<JobField> all) {
        int every = all.stream().mapToInt(field -> field.presets().size()).max().orElse(0);
        var byValue = presets.entrySet().stream()
                .collect(Collectors.groupingBy(
                        Map.Entry::getValue,
                        LinkedHashMap::new,
                        Collectors.mapping(Map.Entry::getKey, Collectors.joining(", "))));
        return byValue.size() == 1 && presets.size() == every
                ? byValue.firstEntry().getKey()
                : byValue.entrySet().stream()
                        .map(entry -> entry.getKey() + " with " + entry.getValue())
                        .collect(Collectors.joining("; "));
    }

    private static void row(String name, String value) {
        if (!value.isEmpty()) {
            System.out.println("  %-8s %s".formatted(name, value));
        }
    }
}
