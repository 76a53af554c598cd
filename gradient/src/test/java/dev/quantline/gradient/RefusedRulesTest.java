package dev.quantline.gradient;

import dev.quantline.gradient.rules.Rules;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import static dev.quantline.gradient.Case.of;
import static dev.quantline.gradient.Case.one;
import static dev.quantline.gradient.Case.with;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Operators that gradients cannot pass are rejected with a reason when the graph is built, instead of trained with a wrong gradient. */
class RefusedRulesTest {
    private static Arguments refused(Case model, String reason) {
        return Arguments.of(model, reason);
    }

    private static Case resize(Object... attributes) {
        return one("Resize " + with(attributes))
                .trained("x", 1, 2, 4, 5)
                .constant("sizes", 1, 2, 7, 3)
                .op("Resize", with(attributes), List.of("x", "", "", "sizes"), "y");
    }

    private static Tensor bool(boolean value) {
        return Tensor.of(DataType.BOOL, new byte[] {(byte) (value ? 1 : 0)});
    }

    static Stream<Arguments> models() {
        String sizes = "fix the sizes of the model's inputs";
        String inference = "it is in training mode: export the model for inference";
        return Stream.of(
                refused(resize("mode", "cubic"), "only plain nearest and linear resizing is supported"),
                refused(
                        resize("mode", "linear", "antialias", 1),
                        "only plain nearest and linear resizing is supported"),
                refused(
                        resize("mode", "linear", "keep_aspect_ratio_policy", "not_larger"),
                        "only plain nearest and linear"),
                refused(resize("mode", "linear", "axes", of(0, 1, 2, 3)), "only plain nearest and linear"),
                refused(
                        resize("mode", "linear", "coordinate_transformation_mode", "tf_crop_and_resize"),
                        "coordinate_transformation_mode tf_crop_and_resize is not supported"),
                refused(
                        one("column-major pool")
                                .trained("x", 1, 2, 4, 4)
                                .op(
                                        "MaxPool",
                                        with("kernel_shape", of(2, 2), "storage_order", 1),
                                        List.of("x"),
                                        "y",
                                        "places"),
                        "storage_order 1 is not supported"),
                refused(
                        one("Dropout in training")
                                .trained("x", 3)
                                .constant("t", bool(true))
                                .op("Dropout", List.of("x", "", "t"), "y"),
                        inference),
                refused(
                        one("Dropout that may be in training")
                                .trained("x", 3)
                                .constant("f", bool(false))
                                .op("Not", List.of("f"), "t")
                                .op("Dropout", List.of("x", "", "t"), "y"),
                        inference),
                refused(
                        one("BatchNormalization in training")
                                .trained("x", 2, 3, 4)
                                .trained("s", 3)
                                .trained("b", 3)
                                .trained("m", 3)
                                .trained("v", 3)
                                .op(
                                        "BatchNormalization",
                                        with("training_mode", 1),
                                        List.of("x", "s", "b", "m", "v"),
                                        "y",
                                        "mean",
                                        "var"),
                        inference),
                refused(
                        one("LayerNormalization whose mean is trained through")
                                .trained("x", 2, 5)
                                .trained("s", 5)
                                .op("LayerNormalization", List.of("x", "s"), "y", "mean"),
                        "the loss depends on its mean or deviation output"),
                refused(
                        one("LayerNormalization whose deviation is trained through")
                                .trained("x", 2, 5)
                                .trained("s", 5)
                                .op("LayerNormalization", List.of("x", "s"), "y", "", "inverse"),
                        "the loss depends on its mean or deviation output"),
                refused(
                        one("diagonal").trained("x", 3, 3).op("Einsum", with("equation", "ii->i"), List.of("x"), "y"),
                        "'ii->i' takes a diagonal"),
                refused(
                        one("two ellipses")
                                .trained("a", 2, 3, 4)
                                .trained("b", 3, 4)
                                .op("Einsum", with("equation", "...i,...i->..."), List.of("a", "b"), "y"),
                        "stands for different numbers of axes"),
                refused(
                        one("Gather along an axis of open sizes")
                                .trained("x", 2, 3, 4)
                                .constant("i", 0, 2)
                                .op("Gather", with("axis", 1), List.of("x", "i"), "y")
                                .open(),
                        "sizes of 'x' are open: " + sizes),
                refused(
                        one("Pad by what is computed")
                                .trained("x", 3, 4)
                                .constant("p", 0, 1, 0, 1)
                                .op("Add", List.of("p", "p"), "pads")
                                .op("Pad", List.of("x", "pads"), "y"),
                        "its input 'pads' must be a constant: " + sizes));
    }

    @ParameterizedTest
    @MethodSource("models")
    void whatHasNoGradientSaysWhy(Case model, String reason) {
        var graph = model.graph(DataType.FLOAT);
        String last = model.results().getLast();

        var failure = assertThrows(BadInput.class, () -> Backward.append(graph, last, trained(model), List.of()));

        assertTrue(
                failure.getMessage().startsWith("no gradient through ")
                        && failure.getMessage().contains(reason),
                failure.getMessage());
    }

    private static List<String> trained(Case model) {
        return model.graph(DataType.FLOAT).inputs().stream()
                .map(input -> input.getName())
                .toList();
    }

    private static Node node(String domain, String op) {
        return new Node("n", op, domain, List.of("x"), List.of("y"), Map.of());
    }

    @Test
    void rowsAreOfOnnxsOwnOperatorsAlone() {
        assertTrue(Rules.has(node("", "Tanh")) && Rules.has(node("", "Shape")));
        assertFalse(Rules.has(node("", "Det")) || Rules.has(node("com.microsoft", "Tanh")));
        assertTrue(Rules.flows(node("", "Tanh"))
                && Rules.flows(node("", "Det"))
                && Rules.flows(node("com.microsoft", "Shape")));
        assertFalse(Rules.flows(node("", "Shape")));
        assertEquals(
                Map.of("Tanh", true, "Shape", false),
                Map.of(
                        "Tanh",
                        Rules.operators().get("Tanh"),
                        "Shape",
                        Rules.operators().get("Shape")));
        var foreign = assertThrows(BadInput.class, () -> Rules.of(node("com.microsoft", "Tanh")))
                .getMessage();
        assertTrue(foreign.startsWith("operator com.microsoft.Tanh of node 'n' has no gradient rule"), foreign);
        var unknown =
                assertThrows(BadInput.class, () -> Rules.of(node("", "Det"))).getMessage();
        assertTrue(unknown.startsWith("operator Det of node 'n' has no gradient rule"), unknown);
    }

    static Stream<Case> plain() {
        return Stream.of(
                resize("mode", "linear", "antialias", 0, "keep_aspect_ratio_policy", "stretch"),
                one("row-major pool")
                        .trained("x", 1, 2, 4, 4)
                        .op("MaxPool", with("kernel_shape", of(2, 2), "storage_order", 0), List.of("x"), "y"),
                one("equal ellipses")
                        .trained("a", 2, 3, 4)
                        .trained("b", 2, 3, 4)
                        .op("Einsum", with("equation", "...i,...i->..."), List.of("a", "b"), "y"));
    }

    @ParameterizedTest
    @MethodSource("plain")
    void whatOnlySaysWhatIsUsualIsNot(Case model) {
        assertDoesNotThrow(() -> Backward.append(model.graph(DataType.FLOAT), "y", trained(model), List.of()));
    }
}
