package dev.quantline.deploy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Values that cannot be meant are refused in words that name the value and say what to do. */
class RefusalTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                // Names that the chart does not have
                "kafka: {bootstrapServer: a:1} | kafka.bootstrapServer: there is no such value; did you mean kafka.bootstrapServers?",
                "topic: {} | topic: there is no such value; did you mean topics?",
                "store: {accessKey: x} | did you mean store.accessKeyKey?",
                "stages: {tuner: {replica: 2}} | stageDefaults.replica: there is no such value; did you mean stageDefaults.replicas?",
                "stages: {tunr: {}} | stages.tunr: there is no such value; did you mean stages.tuner?",
                "replicaCount: 2 | replicaCount: there is no such value; did you mean stageDefaults.replicas?",
                "minio: {} | did you mean store?",
                // Types and limits
                "topics: {partitions: many} | at '/topics/partitions': got string, want integer",
                "stages: {tuner: {replicas: -1}} | at '/stages/tuner/replicas': minimum: got -1, want 0",
                "kafka: {securityProtocol: TLS} | at '/kafka/securityProtocol': value must be one of",
                "kafka: {bootstrapServers: broker} | at '/kafka/bootstrapServers'",
                "stageDefaults: {provider: gpu} | at '/stageDefaults/provider'",
                // What belongs together
                "kafka: {securityProtocol: SASL_SSL} | name the secret with user and password in kafka.sasl.existingSecret",
                "kafka: {tls: {existingSecret: ca}} | use SSL or SASL_SSL",
                "kafka: {securityProtocol: SASL_SSL, sasl: {existingSecret: s, mechanism: OAUTHBEARER}} | kafka.sasl.oauth.tokenEndpoint",
                "kafka: {properties: {sasl.jaas.config: secret}} | kafka.properties.sasl.jaas.config",
                "store: {existingSecret: ''} | name the secret that holds them in store.existingSecret",
                "strimzi: {topics: {enabled: true}} | set topics.create to false",
                "stageDefaults: {podDisruptionBudget: {minAvailable: 1, maxUnavailable: 1}} | minAvailable and maxUnavailable exclude",
                "stages: {tuner: {autoscaling: {type: keda, maxReplicas: 65}}} | maxReplicas of tuner is 65, and its topic of work has 64",
                "stageDefaults: {autoscaling: {type: hpa, minReplicas: 0}} | hpa cannot scale to 0",
                "stageDefaults: {autoscaling: {minReplicas: 9}} | minReplicas is more than maxReplicas",
                "stageDefaults: {finishSeconds: 120} | of calibrator must be more than its finishSeconds, 120",
            })
    void theMessageSaysWhatToDo(String values, String message) throws IOException {
        var file = Files.writeString(folder.resolve("values.yaml"), values);

        var refused = assertThrows(RuntimeException.class, () -> Chart.render(file));

        assertTrue(refused.getMessage().contains(message), refused.getMessage());
    }
}
