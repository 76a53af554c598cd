package dev.quantline.console.command;

import dev.quantline.console.stack.LocalStack;
import dev.quantline.embedded.EmbeddedStack;
import dev.quantline.embedded.StoreKeys;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
        name = "up",
        description = "runs broker, store and all services until Ctrl-C; data stays in .quantline/",
        mixinStandardHelpOptions = true)
final class UpCommand implements Callable<Integer> {
    private static final int USUAL_KAFKA = 9092;
    private static final int USUAL_S3 = 9000;
    private static final int USUAL_HTTP = 8080;

    @Option(
            names = "--kafka-port",
            paramLabel = "PORT",
            description = "of the broker (default: " + USUAL_KAFKA + ", or a free one; 0: free)")
    private Integer kafka;

    @Option(
            names = "--s3-port",
            paramLabel = "PORT",
            description = "of the object store (default: " + USUAL_S3 + ", or a free one; 0: free)")
    private Integer s3;

    @Option(
            names = "--http-port",
            paramLabel = "PORT",
            description = "of health and metrics (default: " + USUAL_HTTP + ", or a free one; 0: free)")
    private Integer http;

    @Override
    public Integer call() throws Exception {
        var ports = new EmbeddedStack.Ports(port(kafka, USUAL_KAFKA), port(s3, USUAL_S3));
        var httpPort = port(http, USUAL_HTTP);
        System.err.println("starting broker, store and services ...");
        try (var stack = LocalStack.start(ports, httpPort, LocalStack.LogLevel.TALKATIVE)) {
            var connection = stack.connection();
            """
            Quantline is up, data in %s; Ctrl-C stops it
              Kafka    %s
              S3       %s  bucket %s, keys in %s
              health   http://127.0.0.1:%d/q/health
              metrics  http://127.0.0.1:%d/q/metrics
            """.formatted(
                            LocalStack.DATA.toAbsolutePath(),
                            connection.kafka(),
                            connection.s3(),
                            connection.bucket(),
                            LocalStack.DATA.resolve(StoreKeys.FILE),
                            httpPort,
                            httpPort)
                    .lines()
                    .forEach(System.out::println);
            stack.awaitStop();
            return ExitCode.DONE;
        }
    }

    /** The requested port, 0 being any free one; otherwise the usual port if it is free, else any free one. */
    private static int port(Integer wanted, int usual) throws IOException {
        if (wanted != null && wanted != 0) {
            return wanted;
        }
        try (var probe = new ServerSocket(wanted == null ? usual : 0, 1, InetAddress.getLoopbackAddress())) {
            return probe.getLocalPort();
        } catch (IOException taken) {
            try (var free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
                return free.getLocalPort();
            }
        }
    }
}
