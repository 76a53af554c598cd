package dev.quantline.deploy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Rendered manifests by kind and name. */
record Manifests(Map<String, JsonNode> objects) {
    static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());

    static Manifests parse(String text) {
        var objects = new TreeMap<String, JsonNode>();
        try (var documents = YAML.readerFor(JsonNode.class).<JsonNode>readValues(text)) {
            documents.forEachRemaining(object -> {
                if (object.isObject()) {
                    var name = object.path("kind").asText() + "/"
                            + object.at("/metadata/name").asText();
                    if (objects.put(name, object) != null) {
                        throw new IllegalStateException("two objects with the name " + name);
                    }
                }
            });
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return new Manifests(objects);
    }

    JsonNode get(String kindAndName) {
        return objects.getOrDefault(kindAndName, MissingNode.getInstance());
    }

    Stream<JsonNode> kind(String kind) {
        return objects.values().stream()
                .filter(object -> object.path("kind").asText().equals(kind));
    }

    /** The specifications of all pods, by what makes them. */
    Map<String, JsonNode> pods() {
        var pods = new TreeMap<String, JsonNode>();
        objects.forEach((name, object) -> {
            if (name.startsWith("Pod/")) {
                pods.put(name, object.path("spec"));
            } else if (object.at("/spec/template/spec").has("containers")) {
                pods.put(name, object.at("/spec/template/spec"));
            }
        });
        return pods;
    }

    /** All containers of a pod, those that run first included. */
    static List<JsonNode> containers(JsonNode pod) {
        var containers = new ArrayList<JsonNode>();
        pod.path("initContainers").forEach(containers::add);
        pod.path("containers").forEach(containers::add);
        return containers;
    }

    /** The object as YAML with sorted keys. */
    static String text(JsonNode object) {
        try {
            return YAML.writeValueAsString(YAML.treeToValue(object, TreeMap.class))
                    .replaceFirst("^---\n", "");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
