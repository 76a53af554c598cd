package dev.quantline.pipeline.service;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.regex.Pattern;
import org.apache.kafka.clients.producer.Partitioner;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.Cluster;

/**
 * Spreads the items of a stage evenly over the partitions of its work, beginning at one that depends on the job. Where hashes decide, one
 * of two replicas gets five or all of six items in one job of five; here their numbers hardly differ, whether a replica owns neighbouring
 * partitions or every n-th. Records of other kinds go where Kafka sends them by default.
 */
public final class ItemPartitioner implements Partitioner {
    /** Of a {@code job/stage/item}. */
    private static final Pattern ITEM = Pattern.compile("(.*/)(\\d{1,9})");
    /** A step of this share of the partitions, found by trying all for 64, leaves the least unevenness over 2 to 8 replicas. */
    private static final double STRIDE = 47 / 64.0;

    @Override
    public int partition(String topic, Object key, byte[] keyBytes, Object value, byte[] valueBytes, Cluster cluster) {
        int partitions = cluster.partitionCountForTopic(topic);
        var item = ITEM.matcher(new String(keyBytes, StandardCharsets.UTF_8));
        return item.matches()
                ? partition(item.group(1), Integer.parseInt(item.group(2)), partitions)
                : BuiltInPartitioner.partitionForKey(keyBytes, partitions);
    }

    static int partition(String stage, int item, int partitions) {
        int first = BuiltInPartitioner.partitionForKey(stage.getBytes(StandardCharsets.UTF_8), partitions);
        return (int) ((first + (long) item * step(partitions)) % partitions);
    }

    /** Reaches every partition: it has no divisor in common with their number. */
    private static int step(int partitions) {
        int step = Math.max(1, (int) Math.round(STRIDE * partitions));
        while (gcd(step, partitions) != 1) {
            step++;
        }
        return step;
    }

    private static int gcd(int a, int b) {
        return b == 0 ? a : gcd(b, a % b);
    }

    @Override
    public void configure(Map<String, ?> settings) {
        // It has none.
    }

    @Override
    public void close() {
        // It holds nothing.
    }
}
