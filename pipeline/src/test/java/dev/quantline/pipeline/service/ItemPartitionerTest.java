package dev.quantline.pipeline.service;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import java.util.function.IntUnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.Cluster;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class ItemPartitionerTest {
    private static final int PARTITIONS = 64;

    /** The most items that any replica gets beyond an even share. */
    private static int excess(String stage, int items, int replicas, IntUnaryOperator owner) {
        var loads = new int[replicas];
        for (int item = 0; item < items; item++) {
            loads[owner.applyAsInt(ItemPartitioner.partition(stage, item, PARTITIONS))]++;
        }
        return IntStream.of(loads).max().orElseThrow() - Math.ceilDiv(items, replicas);
    }

    @Test
    void fewItemsAreSharedEvenlyByAnyReplicas() {
        for (int replicas = 2; replicas <= 8; replicas++) {
            int all = replicas;
            for (int job = 0; job < 200; job++) {
                String stage = "job-" + job + "/tune/";
                for (int items = 2; items <= 32; items++) {
                    int neighbours = excess(stage, items, all, partition -> partition * all / PARTITIONS);
                    int everyNth = excess(stage, items, all, partition -> partition % all);
                    assertTrue(
                            neighbours <= 2 && everyNth <= 3,
                            items + " items on " + all + ": " + neighbours + " " + everyNth);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 8, 12, 50, 64, 128})
    void everyPartitionIsReached(int partitions) {
        var reached = IntStream.range(0, partitions)
                .mapToObj(item -> ItemPartitioner.partition("job/tune/", item, partitions))
                .collect(Collectors.toSet());
        assertEquals(IntStream.range(0, partitions).boxed().collect(Collectors.toSet()), reached);
    }

    @Test
    void otherRecordsGoWhereKafkaSendsThem() {
        var node = new Node(1, "localhost", 9092);
        var nodes = new Node[] {node};
        var cluster = new Cluster(
                "c",
                List.of(node),
                IntStream.range(0, 5)
                        .mapToObj(i -> new PartitionInfo("topic", i, node, nodes, nodes))
                        .toList(),
                Set.of(),
                Set.of());
        try (var partitioner = new ItemPartitioner()) {
            for (String key : List.of("a job", "another", "7", "job/tune/x", "job/1234567890")) {
                var bytes = key.getBytes(StandardCharsets.UTF_8);
                assertEquals(
                        BuiltInPartitioner.partitionForKey(bytes, 5),
                        partitioner.partition("topic", bytes, bytes, null, null, cluster));
            }
            var item = "job/tune/3".getBytes(StandardCharsets.UTF_8);
            assertEquals(
                    ItemPartitioner.partition("job/tune/", 3, 5),
                    partitioner.partition("topic", item, item, null, null, cluster));
        }
    }
}
