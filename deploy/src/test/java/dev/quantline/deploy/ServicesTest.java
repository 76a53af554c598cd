package dev.quantline.deploy;

import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.event.Topics;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;

/** What the chart says of topics and consumer groups is what the pipeline says. */
class ServicesTest {
    private static final Topics TOPICS = new Topics("mine.");

    @TempDir
    Path folder;

    @Test
    void aStageIsScaledByEveryTopicThatItReads() throws IOException {
        var values = Files.writeString(
                folder.resolve("keda.yaml"), "topics: {prefix: mine.}\nstageDefaults: {autoscaling: {type: keda}}");
        var manifests = Manifests.parse(Chart.render(values));
        for (var stage : StageName.values()) {
            var triggers = new HashMap<String, String>();
            manifests
                    .get("ScaledObject/demo-quantline-" + stage.service())
                    .at("/spec/triggers")
                    .forEach(trigger -> triggers.put(
                            trigger.at("/metadata/consumerGroup").asText(),
                            trigger.at("/metadata/topic").asText()));

            assertEquals(groups(stage), triggers);
        }
    }

    private static Map<String, String> groups(StageName stage) {
        return TOPICS.groups().entrySet().stream()
                .filter(group -> group.getKey().startsWith(TOPICS.prefix() + stage.service() + "-"))
                .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
    }

    @Test
    void strimziMakesEveryTopicWithItsPartitions() throws IOException {
        var values = Files.writeString(folder.resolve("strimzi.yaml"), """
                topics: {prefix: mine., create: false, partitions: 3, workPartitions: 5}
                strimzi: {topics: {enabled: true}}
                """);
        var made = new TreeMap<String, Integer>();
        Manifests.parse(Chart.render(values))
                .kind("KafkaTopic")
                .forEach(topic -> made.put(
                        topic.at("/spec/topicName").asText(),
                        topic.at("/spec/partitions").asInt()));

        var needed = new TreeMap<String, Integer>();
        TOPICS.all().forEach(topic -> needed.put(topic, 3));
        for (var stage : StageName.values()) {
            needed.put(TOPICS.work(stage), 5);
        }
        assertEquals(needed, made);
    }
}
