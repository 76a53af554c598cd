package dev.quantline.console.demo;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.regex.Pattern;

/**
 * Everyday sentences, put together from the templates and word lists of {@code sentences.txt}. The same seed gives the same sentences.
 * The file holds lists ({@code animal: cat | dog}) and templates ({@code - The {animal} sleeps.}).
 */
final class Sentences {
    private static final Pattern SLOT = Pattern.compile("\\{(\\w+)}");
    private static final String SEPARATOR = " *\\| *";

    private final Map<String, List<String>> words = new LinkedHashMap<>();
    private final List<String> templates = new ArrayList<>();

    private Sentences(List<String> lines) {
        for (var line : lines) {
            if (line.startsWith("- ")) {
                templates.add(line.substring(2));
            } else if (line.contains(": ")) {
                var colon = line.indexOf(": ");
                words.put(
                        line.substring(0, colon),
                        List.of(line.substring(colon + 2).split(SEPARATOR)));
            }
        }
    }

    static Sentences load() {
        try (var in = Sentences.class.getResourceAsStream("sentences.txt");
                var reader = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8))) {
            return new Sentences(reader.lines().toList());
        } catch (IOException failure) {
            throw new UncheckedIOException("sentences.txt is part of the program but cannot be read", failure);
        }
    }

    /**
     * Different sentences, the templates in turn, in an order that depends on the seed alone.
     *
     * @param count at most what the lists can make; a few thousand
     */
    List<String> generate(int count, long seed) {
        var random = new Random(seed);
        var sentences = new LinkedHashSet<String>();
        for (int turn = 0; sentences.size() < count; turn++) {
            sentences.add(fill(templates.get(turn % templates.size()), random));
        }
        return List.copyOf(sentences);
    }

    private String fill(String template, Random random) {
        return SLOT.matcher(template).replaceAll(slot -> {
            var list = words.get(slot.group(1));
            return list.get(random.nextInt(list.size()));
        });
    }
}
