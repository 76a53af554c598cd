package dev.quantline.console;

import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Escaped;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import java.util.Map;
import java.util.Random;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

/** A network whose names and texts are meant to act where they are shown. */
public final class HostileNetwork {
    /** Sets a terminal's title, clears it, turns text around, looks like markup, a formula, a line of a log and of a shell. */
    public static final String NAME = "x\u001b]0;pwn\u0007\u001b[2J\u009b31m\u202e\u2066\u200b\u2028<script></script>"
            + "<img src=x onerror=alert(1)>=HYPERLINK(\"http://evil\")\r\n12:00:00.000 INFO  FAKE: done, exit 0 '$(touch pwned)'";

    private static final int FEATURES = 8;

    private HostileNetwork() {}

    /** {@code x... [batch, 8] -> y... [batch, 8]}: two products with a Relu between them. */
    public static Graph graph() {
        var builder = new GraphBuilder(17, 3);
        var x = builder.input(NAME, DataType.FLOAT, -1, FEATURES);
        x = builder.op("first" + NAME, "MatMul", x, builder.normal("w1" + NAME, .3, FEATURES, FEATURES));
        x = builder.op("relu" + NAME, "Relu", x);
        builder.op("y" + NAME, "MatMul", x, builder.normal("w2" + NAME, .3, FEATURES, FEATURES));
        return builder.output("y" + NAME, DataType.FLOAT, -1, FEATURES)
                .graph()
                .withMetadata(Map.of("key" + NAME, "value" + NAME));
    }

    /** Rows for it, under the name of its input. */
    public static Map<String, Tensor> rows(int rows, long seed) {
        var random = new Random(seed);
        var values = new float[rows * FEATURES];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Map.of(NAME, Tensor.of(values, rows, FEATURES));
    }

    /** Fails where a text, apart from its own line breaks and tabs, holds anything that acts on who looks at it, or a line of the name. */
    public static void assertHarmless(String what, String text) {
        assertEquals(Escaped.lines(text), text, what);
        text.lines().forEach(line -> assertFalse(line.startsWith("12:00:00.000 INFO  FAKE"), what + ": " + line));
    }
}
