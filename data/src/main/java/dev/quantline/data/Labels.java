package dev.quantline.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ClosestName;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The numbers of classes.
 *
 * @param names   by number; numbers between may be missing
 * @param numbered whether the names given were numbers already
 */
public record Labels(Map<Integer, String> names, boolean numbered) {
    /** The numbers themselves if all names are numbers; otherwise numbered from 0 in alphabetical order. */
    public static Labels of(Collection<String> given) {
        var names = new TreeMap<Integer, String>();
        if (given.stream().allMatch(name -> name.matches("\\d{1,9}"))) {
            given.forEach(name -> names.put(Integer.valueOf(name), name));
            return new Labels(names, true);
        }
        new TreeSet<>(given).forEach(name -> names.put(names.size(), name));
        return new Labels(names, false);
    }

    /**
     * The classes of a model: one name per line, a JSON array, or a model's {@code config.json} with {@code id2label}.
     *
     * @throws BadInput naming the file when it is none of them
     */
    public static Labels read(Path file) throws IOException {
        var names = new TreeMap<Integer, String>();
        if (!Files.isRegularFile(file)) {
            throw new BadInput(file + ": no such file");
        }
        if (!file.toString().endsWith(".json")) {
            Files.readAllLines(file).forEach(line -> names.put(names.size(), line.strip()));
            return new Labels(names, false);
        }
        try {
            var json = new ObjectMapper().readTree(file.toFile());
            if (json.isArray()) {
                json.forEach(name -> names.put(names.size(), name.asText()));
            } else {
                json.path("id2label")
                        .properties()
                        .forEach(entry -> names.put(
                                Integer.valueOf(entry.getKey()),
                                entry.getValue().asText()));
            }
        } catch (JsonProcessingException | NumberFormatException e) {
            throw new BadInput(
                    file + " is not a list of classes: "
                            + e.getMessage().lines().findFirst().orElse(""),
                    e);
        }
        if (names.isEmpty()) {
            throw new BadInput(file + " is not a list of classes: a JSON array of names, or an object with id2label");
        }
        return new Labels(names, false);
    }

    /** Numbers by name; also by each name of several that a class lists with commas. */
    private Map<String, Integer> numbers() {
        var numbers = new HashMap<String, Integer>();
        names.forEach((number, name) -> {
            for (String one : name.split(", *")) {
                numbers.putIfAbsent(one, number);
            }
        });
        names.forEach((number, name) -> numbers.put(name, number));
        return numbers;
    }

    /** Numbers of these names. @throws BadInput naming one that no class is called, and the nearest that is */
    public Map<String, Integer> numbersOf(Collection<String> given) {
        var numbers = numbers();
        for (String name : given) {
            if (!numbers.containsKey(name)) {
                throw new BadInput("no class is called '" + name + "': " + ClosestName.hint(name, names.values()));
            }
        }
        return numbers;
    }

    /** As JSON: names by number. */
    public JsonNode json() {
        var json = new ObjectMapper().createObjectNode();
        var byNumber = json.putObject("id2label");
        names.forEach((number, name) -> byNumber.put(String.valueOf(number), name));
        return json;
    }
}
