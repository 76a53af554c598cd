package dev.quantline.deploy;

import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.comments.CommentLine;
import org.yaml.snakeyaml.composer.Composer;
import org.yaml.snakeyaml.constructor.SafeConstructor;
import org.yaml.snakeyaml.nodes.MappingNode;
import org.yaml.snakeyaml.nodes.Node;
import org.yaml.snakeyaml.nodes.NodeTuple;
import org.yaml.snakeyaml.nodes.ScalarNode;
import org.yaml.snakeyaml.parser.ParserImpl;
import org.yaml.snakeyaml.reader.StreamReader;
import org.yaml.snakeyaml.resolver.Resolver;

/**
 * A chart's {@code values.yaml} with what its comments say, which is written once there. A value is described by {@code # -- (type)
 * text}; the type may be left out where the default shows it. {@code # @enum a, b}, {@code # @pattern REGEX} and {@code # @minimum N} limit
 * it. A map without a description of its own is a section.
 */
record ValuesFile(List<Entry> entries) {
    private static final Pattern DESCRIBED = Pattern.compile("-- (?:\\(([a-z ]+)\\) )?(.+)");
    private static final Pattern LIMITED = Pattern.compile("@(enum|pattern|minimum) (.+)");

    /** A limit of a value. */
    record Limit(String kind, String value) {}

    /**
     * A value or a section.
     *
     * @param path keys joined by dots
     * @param types of YAML, as a schema names them
     * @param below the entries of a section, else none
     */
    record Entry(
            String path,
            List<String> types,
            Object standard,
            String description,
            List<Limit> limits,
            List<Entry> below) {
        String name() {
            return path.substring(path.lastIndexOf('.') + 1);
        }

        boolean isSection() {
            return !below.isEmpty();
        }
    }

    static ValuesFile read(Path file) throws IOException {
        var options = new LoaderOptions();
        options.setProcessComments(true);
        var parser = new ParserImpl(new StreamReader(new StringReader(Files.readString(file))), options);
        var root = (MappingNode) new Composer(parser, new Resolver(), options).getSingleNode();
        return new ValuesFile(entries("", root));
    }

    /** Sections and values, each before what is below it. */
    List<Entry> all() {
        var all = new ArrayList<Entry>();
        collect(entries, all);
        return all;
    }

    private static void collect(List<Entry> entries, List<Entry> into) {
        entries.forEach(entry -> {
            into.add(entry);
            collect(entry.below(), into);
        });
    }

    private static List<Entry> entries(String parent, MappingNode map) {
        return map.getValue().stream().map(tuple -> entry(parent, tuple)).toList();
    }

    private static Entry entry(String parent, NodeTuple tuple) {
        var key = ((ScalarNode) tuple.getKeyNode()).getValue();
        var path = parent.isEmpty() ? key : parent + "." + key;
        var comment = tuple.getKeyNode().getBlockComments() == null
                ? List.<String>of()
                : tuple.getKeyNode().getBlockComments().stream()
                        .map(CommentLine::getValue)
                        .map(String::strip)
                        .toList();
        var described = comment.stream()
                .map(DESCRIBED::matcher)
                .filter(line -> line.matches())
                .findFirst();
        if (described.isEmpty()) {
            if (tuple.getValueNode() instanceof MappingNode section
                    && !section.getValue().isEmpty()) {
                return new Entry(path, List.of("object"), null, "", List.of(), entries(path, section));
            }
            throw new IllegalArgumentException("values.yaml: " + path + " has no comment that begins with '# -- '");
        }
        var limits = comment.stream()
                .map(LIMITED::matcher)
                .filter(line -> line.matches())
                .map(line -> new Limit(line.group(1), line.group(2)))
                .toList();
        var standard = value(tuple.getValueNode());
        var types = described.get().group(1);
        return new Entry(
                path,
                types == null ? List.of(type(standard)) : named(types),
                standard,
                described.get().group(2),
                limits,
                List.of());
    }

    private static List<String> named(String types) {
        return Pattern.compile(" or ")
                .splitAsStream(types)
                .map(type -> type.equals("int") ? "integer" : type)
                .toList();
    }

    private static Object value(Node node) {
        return new Plain().of(node);
    }

    private static String type(Object standard) {
        return switch (standard) {
            case String _ -> "string";
            case Boolean _ -> "boolean";
            case Integer _ -> "integer";
            case List<?> _ -> "array";
            default -> "object";
        };
    }

    /** Makes plain objects of nodes. */
    private static final class Plain extends SafeConstructor {
        Plain() {
            super(new LoaderOptions());
        }

        Object of(Node node) {
            return constructDocument(node);
        }
    }
}
