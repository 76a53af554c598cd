package dev.quantline.console.command;

import dev.quantline.console.process.CtrlC;
import dev.quantline.console.stack.LocalStack;
import dev.quantline.console.stack.Part;
import dev.quantline.console.stack.PartProcesses;
import dev.quantline.embedded.EmbeddedStack;
import dev.quantline.embedded.StackAddresses;
import dev.quantline.embedded.StoreKeys;
import dev.quantline.onnx.BadInput;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "up",
        description = "runs broker, store and all services until Ctrl-C, or some of these; data stays in .quantline/",
        mixinStandardHelpOptions = true)
final class UpCommand implements Callable<Integer> {
    private static final int USUAL_KAFKA = 9092;
    private static final int USUAL_S3 = 9000;
    private static final int USUAL_HTTP = 8080;

    @Parameters(
            paramLabel = "PART",
            arity = "0..*",
            description =
                    "broker, store, profiler, calibrator, tuner or exporter: only these, each in a process of its "
                            + "own that is started again if it dies (default: all, in one process)")
    private List<String> parts = List.of();

    @Option(
            names = "--replicas",
            paramLabel = "N",
            defaultValue = "1",
            description = "processes of each service that is named (default: ${DEFAULT-VALUE})")
    private int replicas;

    @Option(names = "--child", hidden = true, description = "ends with standard input, and says little")
    private boolean child;

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
            description = "of health and metrics, of the first of several services (default: " + USUAL_HTTP
                    + ", or a free one; 0: free)")
    private Integer http;

    @Mixin
    private StackOptions stack;

    @Override
    public Integer call() throws Exception {
        var wanted = EnumSet.noneOf(Part.class);
        parts.forEach(word -> wanted.add(Part.of(word)));
        if (replicas < 1 || replicas > 1 && wanted.stream().noneMatch(Part::isService)) {
            throw new BadInput(
                    replicas < 1
                            ? "--replicas: at least 1"
                            : "--replicas is for services, as in ./quantline up tuner --replicas " + replicas);
        }
        if (stack.isNamed() && wanted.stream().noneMatch(Part::isService)) {
            throw new BadInput(
                    "--kafka and --s3 say where services find broker and store: name services as well, as in "
                            + "./quantline up tuner --kafka HOST:PORT --s3 URL");
        }
        if (wanted.isEmpty()) {
            return whole();
        }
        return wanted.size() * replicas == 1 ? alone(wanted.iterator().next()) : apart(wanted);
    }

    private int whole() throws IOException {
        var ports = new EmbeddedStack.Ports(port(kafka, USUAL_KAFKA), port(s3, USUAL_S3));
        var httpPort = port(http, USUAL_HTTP);
        System.err.println("starting broker, store and services ...");
        try (var all = LocalStack.start(ports, httpPort, LocalStack.LogLevel.TALKATIVE)) {
            var connection = LocalStack.connection();
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
            all.awaitStop();
            return ExitCode.DONE;
        }
    }

    /** One part in this process. */
    private int alone(Part part) throws IOException {
        if (child) {
            CtrlC.withStandardInput();
        }
        int port = port(part);
        try (var here = switch (part) {
            case BROKER -> LocalStack.server(EmbeddedStack.Server.BROKER, port);
            case STORE -> LocalStack.server(EmbeddedStack.Server.STORE, port);
            case PROFILER, CALIBRATOR, TUNER, EXPORTER ->
                LocalStack.service(
                        part,
                        stack.named(),
                        port,
                        child ? LocalStack.LogLevel.QUIET : LocalStack.LogLevel.TALKATIVE,
                        name -> System.err.println("starting %s, process %d; log: %s"
                                .formatted(name, ProcessHandle.current().pid(), LocalStack.log(name))));
        }) {
            System.out.println("the %s is up, process %d: %s"
                    .formatted(part.word(), ProcessHandle.current().pid(), way(part, port)));
            here.awaitStop();
            return ExitCode.DONE;
        }
    }

    private int port(Part part) throws IOException {
        return switch (part) {
            case BROKER -> port(kafka, USUAL_KAFKA);
            case STORE -> port(s3, USUAL_S3);
            case PROFILER, CALIBRATOR, TUNER, EXPORTER -> port(http, USUAL_HTTP);
        };
    }

    /** How others get at a part. */
    private static String way(Part part, int port) {
        return switch (part) {
            case BROKER -> "Kafka 127.0.0.1:" + port;
            case STORE ->
                "S3 http://127.0.0.1:%d, bucket %s, keys in %s"
                        .formatted(port, StackAddresses.BUCKET, LocalStack.DATA.resolve(StoreKeys.FILE));
            case PROFILER, CALIBRATOR, TUNER, EXPORTER -> "health http://127.0.0.1:%d/q/health".formatted(port);
        };
    }

    /** Each part in a process of its own, the services when there is a broker and a store for them. */
    private int apart(Set<Part> wanted) throws IOException, InterruptedException {
        try (var _ = CtrlC.untidy();
                var processes = new PartProcesses(
                        code -> code == ExitCode.UNUSABLE,
                        System.out::println,
                        remark -> System.err.println("quantline: " + remark))) {
            if (wanted.contains(Part.BROKER)) {
                processes.start(Part.BROKER, options("--kafka-port", port(Part.BROKER)), Map.of());
            }
            if (wanted.contains(Part.STORE)) {
                processes.start(Part.STORE, options("--s3-port", port(Part.STORE)), Map.of());
            }
            processes.awaitUp();
            services(wanted.stream().filter(Part::isService).toList(), processes);
            processes.awaitUp();
            System.err.println("Ctrl-C stops all of them");
            processes.awaitLoss();
            return ExitCode.DONE;
        } catch (PartProcesses.PartLost loss) {
            System.err.println("quantline: " + loss.getMessage());
            return ExitCode.FAILED;
        }
    }

    private void services(List<Part> services, PartProcesses processes) throws IOException {
        if (services.isEmpty()) {
            return;
        }
        var to = stack.named();
        int number = 0;
        for (var service : services) {
            for (int replica = 0; replica < replicas; replica++) {
                var options = options(
                        "--http-port", port(http == null || http == 0 ? http : http + number, USUAL_HTTP + number));
                options.addAll(AddressOptions.naming(to));
                processes.start(service, options, AddressOptions.keys(to));
                number++;
            }
        }
    }

    private static List<String> options(String port, int number) {
        return new ArrayList<>(List.of("--child", port, String.valueOf(number)));
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
