package dev.quantline.onnx.runtime;

import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** ONNX Runtime writes its log to standard error by itself, with names of the model as they are. */
class NativeLogTest {
    private static final String NAME = "\u001b[2Jpwn";

    /** A node that fails when it runs. */
    static final class Child {
        public static void main(String[] arguments) {
            var builder = new GraphBuilder(17, 1);
            builder.op(
                    NAME,
                    "Reshape",
                    builder.input("x", DataType.FLOAT, -1, 4),
                    builder.constant("shape", Tensor.vector(3L, 5L)));
            var graph = builder.output(NAME, DataType.FLOAT, -1, -1).graph();
            try (var session = Session.open(graph, Provider.cpu(), Session.Optimization.NONE)) {
                session.run(Map.of("x", Tensor.of(new float[8], 2, 4)));
            } catch (RuntimeException failure) {
                System.out.println(failure.getMessage());
            }
        }
    }

    @Test
    void aNodeThatFailsIsTakenUpByTheExceptionAlone() throws Exception {
        var process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "--sun-misc-unsafe-memory-access=allow",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Child.class.getName())
                .redirectOutput(ProcessBuilder.Redirect.PIPE)
                .start();
        var out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        var err = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);

        assertTrue(out.contains(NAME), out + err);
        assertEquals("", err);
    }
}
