package dev.quantline.onnx;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.FunctionProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import dev.quantline.onnx.rewrite.Canonical;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

/**
 * Functions of a model, inlined where they are called.
 *
 * <p>Longer than 400 lines because each case writes its own model, functions and all.
 */
class FunctionsTest {
    private static final String OWN = "own";
    private static final Map<String, Tensor> DATA = Map.of(
            "x", Tensor.of(new float[] {1, -2, 3, .5f, 2, -1}, 2, 3), "flag", Tensor.of(DataType.BOOL, new byte[] {1}));

    @TempDir
    private Path folder;

    private static NodeProto node(
            String domain, String op, List<String> inputs, List<String> outputs, AttributeProto... attributes) {
        return NodeProto.newBuilder()
                .setDomain(domain)
                .setOpType(op)
                .addAllInput(inputs)
                .addAllOutput(outputs)
                .addAllAttribute(List.of(attributes))
                .build();
    }

    private static NodeProto node(String op, String input, String output, AttributeProto... attributes) {
        return node("", op, List.of(input), List.of(output), attributes);
    }

    private static AttributeProto body(String name, String output, NodeProto... nodes) {
        return AttributeProto.newBuilder()
                .setName(name)
                .setType(AttributeProto.AttributeType.GRAPH)
                .setG(GraphProto.newBuilder()
                        .setName(name)
                        .addAllNode(List.of(nodes))
                        .addOutput(ValueInfos.of(output, DataType.FLOAT, -1, -1)))
                .build();
    }

    private static AttributeProto reference(String name, String of) {
        return AttributeProto.newBuilder()
                .setName(name)
                .setType(AttributeProto.AttributeType.FLOAT)
                .setRefAttrName(of)
                .build();
    }

    private static FunctionProto.Builder function(
            String name, int opset, List<String> inputs, List<String> outputs, NodeProto... nodes) {
        return FunctionProto.newBuilder()
                .setDomain(OWN)
                .setName(name)
                .addAllInput(inputs)
                .addAllOutput(outputs)
                .addAllNode(List.of(nodes))
                .addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(opset))
                .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain(OWN).setVersion(1));
    }

    private static ModelProto model(int opset, List<FunctionProto.Builder> functions, NodeProto... nodes) {
        var graph = GraphProto.newBuilder()
                .setName("main")
                .addAllNode(List.of(nodes))
                .addInput(ValueInfos.of("x", DataType.FLOAT, -1, 3))
                .addInput(ValueInfos.of("flag", DataType.BOOL, new long[0]))
                .addOutput(ValueInfos.of("y", DataType.FLOAT, -1, 3));
        var model = ModelProto.newBuilder()
                .setIrVersion(9)
                .setGraph(graph)
                .addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(opset))
                .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain(OWN).setVersion(1));
        functions.forEach(model::addFunctions);
        return model.build();
    }

    private float[] run(ModelProto model) throws IOException {
        var file = Files.write(folder.resolve("model.onnx"), model.toByteArray());
        try (var session = Session.open(file, Provider.cpu(), Session.Optimization.NONE)) {
            return session.run(DATA).get("y").toFloats();
        }
    }

    private static float[] run(Graph graph) {
        try (var session = Session.open(graph, Provider.cpu(), Session.Optimization.NONE)) {
            return session.run(DATA).get("y").toFloats();
        }
    }

    /** Compares with onnxruntime, which itself inlines functions. */
    private Graph same(ModelProto model) throws IOException {
        var graph = Graph.of(model);
        OnnxLibrary.check(graph);
        assertTrue(graph.nodes().stream().noneMatch(node -> node.domain().equals(OWN)));
        assertEquals(0, graph.toProto().getFunctionsCount());
        assertEquals(1, graph.toProto().getOpsetImportCount());
        assertArrayEquals(run(model), run(graph));
        return graph;
    }

    @Test
    void everyCallHasNodesOfItsOwn() throws IOException {
        var twice = function(
                "Twice",
                17,
                List.of("a", "b"),
                List.of("c"),
                node("Neg", "a", "inner").toBuilder().setName("neg").build(),
                node("", "Sub", List.of("b", "inner"), List.of("c")));

        var graph = same(model(
                17,
                List.of(twice),
                node(OWN, "Twice", List.of("x", "x"), List.of("first")),
                node(OWN, "Twice", List.of("first", "x"), List.of("y")).toBuilder()
                        .setName("second")
                        .build()));

        assertEquals(
                List.of("first/inner", "first", "second/inner", "y"),
                graph.nodes().stream().map(Node::output).toList());
        assertEquals(
                List.of("first/neg", "", "second/neg", ""),
                graph.nodes().stream().map(Node::name).toList());
    }

    @Test
    void outputsThatNobodyMakesAreRefusedBeforeTheConverterLooksForThem() {
        // Given: the model, or its function, is converted, and the converter ends the process where it finds no maker
        var whole = function("F", 17, List.of("a"), List.of("c"), node("Neg", "a", "c"));
        var open = function("F", 13, List.of("a"), List.of("c"), node("Neg", "a", "b"));
        var unmade = model(13, List.of(whole), node(OWN, "F", List.of("x"), List.of("z")));
        var inside = model(17, List.of(open), node(OWN, "F", List.of("x"), List.of("y")));

        for (var model : List.of(unmade, inside)) {
            var refusal = assertThrows(BadInput.class, () -> Graph.of(model)).getMessage();
            assertTrue(refusal.endsWith("' is made by nobody: export the model again"), refusal);
        }
    }

    @Test
    void functionsCallEachOtherAlsoInBodies() throws IOException {
        // Given: names in the function and in the surrounding graph are the same
        var inner = function("Inner", 17, List.of("x"), List.of("y"), node("Neg", "x", "t"), node("Exp", "t", "y"));
        var outer = function(
                "Outer",
                17,
                List.of("flag", "x"),
                List.of("y"),
                node("Abs", "x", "t"),
                node(
                        "",
                        "If",
                        List.of("flag"),
                        List.of("y"),
                        body("then_branch", "r", node(OWN, "Inner", List.of("t"), List.of("r"))),
                        body("else_branch", "r", node("Neg", "t", "r"))));

        same(model(
                17,
                List.of(outer, inner),
                node("Neg", "x", "t"),
                node(
                        "",
                        "If",
                        List.of("flag"),
                        List.of("chosen"),
                        body("then_branch", "r1", node(OWN, "Outer", List.of("flag", "t"), List.of("r1"))),
                        body("else_branch", "r2", node(OWN, "Inner", List.of("x"), List.of("r2")))),
                node(OWN, "Outer", List.of("flag", "chosen"), List.of("y"))));
    }

    @Test
    void attributesComeFromTheCallOrAreTheFunctionsOwn() throws IOException {
        var leaky = function(
                        "Leaky",
                        17,
                        List.of("a"),
                        List.of("b"),
                        node("LeakyRelu", "a", "l", reference("alpha", "slope")),
                        node("Elu", "l", "b", reference("alpha", "missing")))
                .addAttribute("missing")
                .addAttributeProto(Attributes.of("slope", .25f));

        same(model(
                17,
                List.of(leaky),
                node(OWN, "Leaky", List.of("x"), List.of("own")),
                node(
                        OWN,
                        "Leaky",
                        List.of("own"),
                        List.of("y"),
                        Attributes.of("slope", .5f),
                        Attributes.of("missing", 3f))));
    }

    @Test
    void operandsMayBeLeftOut() throws IOException {
        var clip = function(
                "Bounds",
                17,
                List.of("a", "low", "high"),
                List.of("b", "unused", "same"),
                node("", "Clip", List.of("a", "low", "high"), List.of("b")),
                node("Neg", "a", "unused"),
                node("Identity", "a", "same"));

        same(model(
                17,
                List.of(clip),
                node("", "Constant", List.of(), List.of("one"), Attributes.of("value", Tensor.scalar(1))),
                node(OWN, "Bounds", List.of("x", "", "one"), List.of("bounded", "", "kept")),
                node("", "Add", List.of("bounded", "kept"), List.of("sum")),
                node(OWN, "Bounds", List.of("sum"), List.of("y", "spare", "again"))));
    }

    @ParameterizedTest
    @CsvSource({"11, 17", "17, 11", "11, 11", "18, 13", "17, 23", "23, 17"})
    void aFunctionMayBeWrittenInAnotherOpset(int function, int main) {
        // Given: until opset 12, Softmax normalised over all axes from the given one on; until opset 17, axes of
        // ReduceSum.. were attributes
        var sum = function < 18
                ? node("ReduceMax", "s", "m", Attributes.of("axes", new long[] {1}))
                : node("ReduceMax", "s", "m", Attributes.of("keepdims", 1L));
        var own = function(
                "Own",
                function,
                List.of("a"),
                List.of("b"),
                node("Softmax", "a", "s", Attributes.of("axis", 0L)),
                sum,
                node("", "Div", List.of("s", "m"), List.of("b")));
        var model = model(
                main,
                List.of(own),
                node("Neg", "x", "n"),
                node(OWN, "Own", List.of("n"), List.of("p")),
                node("Softmax", "p", "y", Attributes.of("axis", 0L)));

        // When
        var graph = Graph.of(model);

        // Then
        OnnxLibrary.check(graph);
        assertEquals(Math.max(function, main), graph.opset());
        assertArrayEquals(expected(function, main), run(graph), 1e-6f);
    }

    private static float[] expected(int function, int main) {
        var n = DATA.get("x").toFloats();
        for (int i = 0; i < n.length; i++) {
            n[i] = -n[i];
        }
        var s = softmax(n, function < 13);
        var b = new float[6];
        for (int i = 0; i < 6; i++) {
            int row = i / 3 * 3;
            double max = IntStream.range(function < 18 ? row : 0, function < 18 ? row + 3 : 6)
                    .mapToDouble(k -> s[k])
                    .max()
                    .orElseThrow();
            b[i] = (float) (s[i] / max);
        }
        return softmax(b, main < 13);
    }

    @Test
    void aFunctionIsConvertedOnceForManyCalls() {
        // Given: two thousand calls; each conversion takes the library milliseconds
        var own = function(
                "Own",
                11,
                List.of("a"),
                List.of("b"),
                node(
                        "Softmax",
                        "a",
                        "b",
                        reference("axis", "axis").toBuilder()
                                .setType(AttributeProto.AttributeType.INT)
                                .build()));
        var calls = new NodeProto[2000];
        for (int i = 0; i < calls.length; i++) {
            calls[i] = node(
                    OWN,
                    "Own",
                    List.of(i == 0 ? "x" : "t" + i),
                    List.of(i == calls.length - 1 ? "y" : "t" + (i + 1)),
                    Attributes.of("axis", (long) (i % 2)));
        }

        var graph = assertTimeoutPreemptively(Duration.ofSeconds(20), () -> Graph.of(model(17, List.of(own), calls)));

        assertEquals(
                2000, graph.nodes().stream().filter(node -> node.is("Softmax")).count());
        assertEquals(
                2000, graph.nodes().stream().filter(node -> node.is("Flatten")).count());
    }

    @Test
    void versionsBeyondAnyNumberAreRefusedAsOpset() {
        var own = function("Own", 17, List.of("a"), List.of("b"), node("Neg", "a", "b"))
                .setOpsetImport(0, OperatorSetIdProto.newBuilder().setVersion(1L << 40));
        var model = model(17, List.of(own), node(OWN, "Own", List.of("x"), List.of("y"))).toBuilder();
        model.setOpsetImport(0, OperatorSetIdProto.newBuilder().setVersion(1L << 39));

        var message = assertThrows(BadInput.class, () -> Canonical.of(Graph.of(model.build())))
                .getMessage();

        assertTrue(message.contains("is not supported"), message);
    }

    /** Softmax of {@code [2, 3]}, over all elements or over the first axis. */
    private static float[] softmax(float[] x, boolean all) {
        var p = new float[6];
        for (int i = 0; i < 6; i++) {
            double sum = 0;
            for (int k = 0; k < 6; k++) {
                sum += all || k % 3 == i % 3 ? Math.exp(x[k]) : 0;
            }
            p[i] = (float) (Math.exp(x[i]) / sum);
        }
        return p;
    }

    @ParameterizedTest
    @CsvSource({"g_rec_function, function 'dom::F' calls itself", "z_exp_function, make more than 262144 nodes"})
    void whatGrowsWithoutBoundIsRefusedAtOnce(String name, String reason) throws URISyntaxException {
        var file = Path.of(FunctionsTest.class.getResource(name + "/model.onnx").toURI());

        var message = assertTimeoutPreemptively(
                Duration.ofSeconds(20),
                () -> assertThrows(BadInput.class, () -> ModelFile.read(file)).getMessage());

        assertTrue(message.contains(reason), message);
    }

    @Test
    void circlesThroughBodiesAndDeepCallsAreFound() {
        var circle = function(
                "Circle",
                17,
                List.of("flag", "a"),
                List.of("b"),
                node(
                        "",
                        "If",
                        List.of("flag"),
                        List.of("b"),
                        body("then_branch", "r", node(OWN, "Circle", List.of("flag", "a"), List.of("r"))),
                        body("else_branch", "r", node("Neg", "a", "r"))));
        var deep = new ArrayList<FunctionProto.Builder>();
        for (int i = 0; i < 5000; i++) {
            deep.add(function(
                    "F" + i,
                    17,
                    List.of("a"),
                    List.of("b"),
                    node(i < 4999 ? OWN : "", i < 4999 ? "F" + (i + 1) : "Neg", List.of("a"), List.of("b"))));
        }

        for (var functions : List.of(List.of(circle), deep)) {
            var model = model(17, functions, node("Neg", "x", "y"));
            assertTrue(assertThrows(BadInput.class, () -> Graph.of(model))
                    .getMessage()
                    .contains("export the model without functions"));
        }
    }

    @Test
    void namesDoNotGrowWithTheDepthOfCalls() {
        // Given: ninety nested functions, each with a name of ten thousand letters
        var functions = new ArrayList<FunctionProto.Builder>();
        for (int i = 0; i < 90; i++) {
            functions.add(function(
                    "F" + i,
                    17,
                    List.of("a"),
                    List.of("b"),
                    node("Neg", "a", "n" + i),
                    node(i < 89 ? OWN : "", i < 89 ? "F" + (i + 1) : "Neg", List.of("n" + i), List.of("b")).toBuilder()
                            .setName("n".repeat(10_000))
                            .build()));
        }

        var graph = Graph.of(model(17, functions, node(OWN, "F0", List.of("x"), List.of("y"))));

        assertEquals(91, graph.nodes().size());
        assertTrue(graph.nodes().stream().allMatch(node -> node.name().length() < 10_300));
    }

    @Test
    void graphsAsAttributesAndOperatorSetsThatDisagreeAreRefused() {
        var choose = function("Choose", 17, List.of("a"), List.of("b"), node("Neg", "a", "b"));
        var old = function("Old", 17, List.of("a"), List.of("b"), node("Neg", "a", "b"))
                .addOpsetImport(
                        OperatorSetIdProto.newBuilder().setDomain("ai.onnx.ml").setVersion(2));
        var newer = function("Newer", 17, List.of("a"), List.of("b"), node("Neg", "a", "b"))
                .addOpsetImport(
                        OperatorSetIdProto.newBuilder().setDomain("ai.onnx.ml").setVersion(3));

        var given = model(
                17,
                List.of(choose),
                node(OWN, "Choose", List.of("x"), List.of("y"), body("what", "r", node("Neg", "x", "r"))));
        var mixed = model(17, List.of(old, newer), node("Neg", "x", "y"));

        assertTrue(
                assertThrows(BadInput.class, () -> Graph.of(given)).getMessage().contains("attribute 'what'"));
        assertTrue(
                assertThrows(BadInput.class, () -> Graph.of(mixed)).getMessage().contains("'ai.onnx.ml'"));
    }
}
