package dev.quantline.console.command;

import dev.quantline.console.client.Connection;
import dev.quantline.console.stack.LocalStack;
import dev.quantline.embedded.DataFolder;
import dev.quantline.embedded.StackAddresses;
import dev.quantline.embedded.StoreKeys;
import dev.quantline.onnx.BadInput;
import dev.quantline.pipeline.event.Topics;
import dev.quantline.pipeline.store.StoreAccess;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import picocli.CommandLine.Option;

/** Where a stack is: named by its addresses, or the one that runs in this folder. */
final class AddressOptions {
    private static final String ACCESS_KEY = "AWS_ACCESS_KEY_ID";
    private static final String SECRET_KEY = "AWS_SECRET_ACCESS_KEY";
    private static final Pattern HOST_AND_PORT =
            Pattern.compile("(\\[[^\\]]+]|[^:,\\s]+):\\d{1,5}(,([^:,\\s]+):\\d{1,5})*");

    @Option(
            names = "--kafka",
            paramLabel = "HOST:PORT",
            description = "a running stack's Kafka broker (default: the stack in this folder)")
    private String kafka;

    @Option(names = "--s3", paramLabel = "URL", description = "the object store of the same stack")
    private URI s3;

    @Option(
            names = "--s3-access-key",
            defaultValue = "${env:" + ACCESS_KEY + ":-}",
            description = "default: AWS_ACCESS_KEY_ID, else the key of the stack in this folder")
    private String accessKey;

    @Option(
            names = "--s3-secret-key",
            defaultValue = "${env:" + SECRET_KEY + ":-}",
            description =
                    "default: AWS_SECRET_ACCESS_KEY, which other users of the machine do not see, unlike this option; else as above")
    private String secretKey;

    @Option(
            names = "--s3-region",
            defaultValue = "${env:AWS_REGION:-us-east-1}",
            description = "default: AWS_REGION or us-east-1")
    private String region;

    @Option(
            names = "--s3-authorities",
            paramLabel = "FILE.pem",
            defaultValue = "${env:QUANTLINE_STORE_AUTHORITIES:-}",
            description = "authorities that the store's certificate may come from, besides those that Java trusts "
                    + "(default: QUANTLINE_STORE_AUTHORITIES)")
    private String authorities;

    @Option(names = "--bucket", defaultValue = "quantline", description = "default: ${DEFAULT-VALUE}")
    private String bucket;

    @Option(names = "--topic-prefix", defaultValue = Topics.DEFAULT_PREFIX, description = "default: ${DEFAULT-VALUE}")
    private String topicPrefix;

    /** Whether options name a stack. */
    boolean isNamed() {
        return kafka != null || s3 != null;
    }

    /**
     * The stack to talk to; empty when none is named and none runs in this folder.
     *
     * @throws BadInput when only one of the two addresses is given, one has the wrong form, or the keys of the store are missing
     */
    Optional<Connection> find() throws IOException {
        if (!isNamed()) {
            return DataFolder.running(LocalStack.DATA).map(LocalStack::connection);
        }
        if (kafka == null || s3 == null) {
            throw new BadInput("--kafka and --s3 belong together: %s is missing"
                    .formatted(kafka == null ? "--kafka HOST:PORT" : "--s3 URL"));
        }
        if (!HOST_AND_PORT.matcher(kafka).matches()) {
            throw new BadInput("--kafka: '" + kafka + "' is not HOST:PORT");
        }
        if (s3.getHost() == null || !("http".equals(s3.getScheme()) || "https".equals(s3.getScheme()))) {
            throw new BadInput("--s3: '" + s3 + "' is not a URL such as http://localhost:9000");
        }
        var access = authorities.isEmpty() ? access() : access().trusting(Path.of(authorities));
        return Optional.of(new Connection(kafka, s3, region, access, bucket, new Topics(topicPrefix)));
    }

    /** The keys that were given, else those of the stack in this folder, if the store is its own, else the role of the workload. */
    private StoreAccess access() throws IOException {
        if (!accessKey.isEmpty() && !secretKey.isEmpty()) {
            return StoreAccess.keys(accessKey, secretKey);
        }
        var here = accessKey.isEmpty() && secretKey.isEmpty()
                ? DataFolder.running(LocalStack.DATA).filter(this::isStoreOf)
                : Optional.<StackAddresses>empty();
        if (here.isEmpty() && accessKey.isEmpty() && secretKey.isEmpty() && hasRole()) {
            return StoreAccess.workloadIdentity();
        }
        return here.map(StackAddresses::keys)
                .map(keys -> StoreAccess.keys(keys.accessKey(), keys.secretKey()))
                .orElseThrow(() -> new BadInput(
                        "the keys of the store are missing: set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; "
                                + "./quantline up leaves those of its store in %s, where it was started"
                                        .formatted(LocalStack.DATA.resolve(StoreKeys.FILE))));
    }

    /** The options that name a stack, without its keys. */
    static List<String> naming(Connection to) {
        var options = new ArrayList<>(List.of(
                "--kafka", to.kafka(),
                "--s3", to.s3().toString(),
                "--s3-region", to.region(),
                "--bucket", to.bucket(),
                "--topic-prefix", to.topics().prefix()));
        to.access().authorities().ifPresent(file -> options.addAll(List.of("--s3-authorities", file.toString())));
        return options;
    }

    /** The variables that carry its keys, if it has any, to another process. */
    static Map<String, String> keys(Connection to) {
        return to.access()
                .keys()
                .map(keys -> Map.of(ACCESS_KEY, keys.access(), SECRET_KEY, keys.secret()))
                .orElse(Map.of());
    }

    /** Whether the platform says where this workload gets its keys. */
    private static boolean hasRole() {
        return Stream.of(
                        "AWS_WEB_IDENTITY_TOKEN_FILE",
                        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
                .anyMatch(System.getenv()::containsKey);
    }

    private boolean isStoreOf(StackAddresses running) {
        return running.s3Endpoint().getPort() == s3.getPort()
                && (s3.getHost().equals("localhost")
                        || s3.getHost().equals(running.s3Endpoint().getHost()));
    }
}
