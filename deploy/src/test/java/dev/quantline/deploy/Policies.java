package dev.quantline.deploy;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/** What holds for every pod, whatever the values: the pod security standard "restricted", limits, images with versions, no secrets. */
final class Policies {
    private static final Set<String> VOLUMES = Set.of(
            "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret");
    private static final Pattern VERSIONED = Pattern.compile(".+(:(?!latest$)[\\w][\\w.-]*|@sha256:[0-9a-f]{64})$");
    /** What a value of an environment variable with such a name would be. */
    private static final Pattern SECRET = Pattern.compile("PASSWORD|SECRET|ACCESS_KEY|KEYSTORE|CERTIFICATES|TOKEN$");

    private final List<String> faults = new ArrayList<>();

    /** What is against the policies. */
    static List<String> faults(Manifests manifests) {
        var found = new Policies();
        manifests.pods().forEach(found::pod);
        manifests.objects().keySet().stream()
                .filter(name -> name.startsWith("Secret/"))
                .forEach(name -> found.faults.add(name + ": a secret must be named, not made"));
        return found.faults;
    }

    private void require(boolean holds, String place, String rule) {
        if (!holds) {
            faults.add(place + ": " + rule);
        }
    }

    private void pod(String place, JsonNode pod) {
        var context = pod.path("securityContext");
        require(context.path("runAsNonRoot").asBoolean(), place, "runAsNonRoot");
        require(context.path("runAsUser").asInt(1) > 0, place, "runAsUser is root");
        require(context.at("/seccompProfile/type").asText().equals("RuntimeDefault"), place, "seccompProfile");
        require(!pod.path("automountServiceAccountToken").asBoolean(true), place, "a token of the API is mounted");
        require(!pod.path("enableServiceLinks").asBoolean(true), place, "variables of services reach Kafka clients");
        for (var key : List.of("hostNetwork", "hostPID", "hostIPC")) {
            require(!pod.has(key), place, key);
        }
        pod.path("volumes").forEach(volume -> {
            volume.fieldNames()
                    .forEachRemaining(key -> require(
                            key.equals("name") || VOLUMES.contains(key),
                            place,
                            "volume " + volume.path("name") + " is " + key));
            require(
                    !volume.has("emptyDir") || volume.at("/emptyDir/sizeLimit").isTextual(),
                    place,
                    "volume " + volume.path("name") + " has no limit");
        });
        Manifests.containers(pod)
                .forEach(container ->
                        container(place + "/" + container.path("name").asText(), container));
    }

    private void container(String place, JsonNode container) {
        var context = container.path("securityContext");
        require(!context.path("allowPrivilegeEscalation").asBoolean(true), place, "allowPrivilegeEscalation");
        require(context.path("readOnlyRootFilesystem").asBoolean(), place, "readOnlyRootFilesystem");
        require(!context.path("privileged").asBoolean(), place, "privileged");
        require(context.at("/capabilities/drop/0").asText().equals("ALL"), place, "capabilities are not dropped");
        require(!context.at("/capabilities").has("add"), place, "capabilities are added");
        for (var resource : List.of("cpu", "memory")) {
            require(container.at("/resources/limits").has(resource), place, "no limit of " + resource);
        }
        require(VERSIONED.matcher(container.path("image").asText()).matches(), place, "image without a version");
        container.path("env").forEach(variable -> {
            var name = variable.path("name").asText();
            boolean secret = SECRET.matcher(name).find()
                    && !variable.path("value").asText().equals("PEM");
            require(!secret || variable.at("/valueFrom/secretKeyRef").isObject(), place, name + " is no reference");
        });
    }
}
