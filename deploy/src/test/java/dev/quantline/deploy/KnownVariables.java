package dev.quantline.deploy;

import dev.quantline.fixture.Checkout;
import dev.quantline.pipeline.service.RetentionConfig;
import dev.quantline.pipeline.service.StoreConfig;
import dev.quantline.pipeline.service.TopicsConfig;
import dev.quantline.pipeline.service.WorkConfig;
import io.smallrye.config.ConfigMapping;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.util.Locale;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;

/** The environment variables that a service, its Kafka clients, Java and the command line know. */
final class KnownVariables {
    /** Of Quarkus: no file of the services names them. */
    private static final Set<String> QUARKUS = Set.of("quarkus.http.port", "quarkus.otel.exporter.otlp.endpoint");
    /** Parts of the values of other variables, and what the command line and Java read. */
    private static final Set<String> OTHERS = Set.of(
            "BROKER_USERNAME",
            "BROKER_PASSWORD",
            "BROKER_SCOPE",
            "JAVA_TOOL_OPTIONS",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "DJL_CACHE_DIR");

    static final Set<String> NAMES = names();

    private KnownVariables() {}

    private static Set<String> names() {
        var names = new TreeSet<>(OTHERS);
        Stream.of(
                        Stream.of(StoreConfig.class, TopicsConfig.class, WorkConfig.class, RetentionConfig.class)
                                .flatMap(KnownVariables::settings),
                        defaults(),
                        QUARKUS.stream(),
                        Stream.of(
                                        AdminClientConfig.configNames(),
                                        ConsumerConfig.configNames(),
                                        ProducerConfig.configNames())
                                .flatMap(Set::stream)
                                .map(name -> "kafka." + name))
                .flatMap(properties -> properties)
                .map(KnownVariables::variable)
                .forEach(names::add);
        return names;
    }

    /** As MicroProfile Config maps names: {@code quantline.work.cache-bytes} is {@code QUANTLINE_WORK_CACHE_BYTES}. */
    private static String variable(String property) {
        return property.replaceAll("[^A-Za-z0-9]", "_").toUpperCase(Locale.ROOT);
    }

    private static Stream<String> settings(Class<?> mapping) {
        var prefix = mapping.getAnnotation(ConfigMapping.class).prefix();
        return Stream.of(mapping.getMethods())
                .filter(method -> Modifier.isAbstract(method.getModifiers()))
                .map(method -> prefix + "."
                        + method.getName().replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT));
    }

    /** The settings that services have a default for, channels aside. */
    private static Stream<String> defaults() {
        var file = Checkout.root().resolve("pipeline/src/main/resources/META-INF/microprofile-config.properties");
        try (var in = Files.newBufferedReader(file)) {
            var properties = new Properties();
            properties.load(in);
            return properties.stringPropertyNames().stream().filter(name -> !name.startsWith("mp."));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
