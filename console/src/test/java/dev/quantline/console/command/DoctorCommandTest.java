package dev.quantline.console.command;

import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.settings.Json;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.List;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class DoctorCommandTest {
    @Test
    void everyThingIsALineAndNoStackIsNoFault() {
        // Given this machine, where no stack is named
        // When the doctor looks at it
        var said = Said.by("doctor");
        // Then it names what there is
        assertEquals(0, said.code(), said.out() + said.err());
        for (var line : List.of(
                "OK +JDK +25.*",
                "OK +memory +[\\d.]+ GB",
                "OK +Quantline .*",
                "OK +ONNX Runtime +" + Session.version(),
                "OK +Kafka client +\\d+\\..*",
                "OK +stack .*start their own.*")) {
            assertTrue(said.out().lines().anyMatch(one -> one.matches(line)), line + "\n" + said.out());
        }
    }

    @Test
    void addressesThatDoNotAnswerAreProblems() throws Exception {
        // Given addresses where nobody listens
        String nobody;
        try (var probe = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            nobody = "127.0.0.1:" + probe.getLocalPort();
        }
        // When the doctor is told of them
        var said = Said.by(
                "doctor",
                "--kafka",
                nobody,
                "--s3",
                "http://" + nobody,
                "--s3-access-key",
                "a",
                "--s3-secret-key",
                "s",
                "--json");
        // Then both are what does not work, and it is said what to do
        assertEquals(2, said.code(), said.out() + said.err());
        var problems = Json.MAPPER
                .readTree(said.out())
                .valueStream()
                .filter(one -> one.path("state").asText().equals("problem"))
                .toList();
        assertEquals(
                List.of("Kafka", "store"),
                problems.stream().map(one -> one.path("name").asText()).toList(),
                said.out());
        assertTrue(problems.getFirst().path("says").asText().contains(nobody), said.out());
        assertTrue(problems.getFirst().path("advice").asText().contains("--kafka"), said.out());
    }
}
