package dev.quantline.gradient.rules;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Node;
import java.util.Map;
import java.util.TreeMap;

/**
 * The table of gradients: one row per operator, by its name at opset {@value #OPSET}. To support another operator, add
 * its row here and its cases to the test.
 */
public final class Rules {
    /** The opset that all rules are written for; older graphs are converted before they are differentiated. */
    public static final int OPSET = 21;

    /** The derivative is 0 almost everywhere, or results are not real numbers: nothing flows back. */
    private static final Rule STOPS = call -> {};

    private static final Map<String, Rule> TABLE = new TreeMap<>(Map.ofEntries(
            // arithmetic
            row("Add", Arithmetic::add),
            row("Sub", Arithmetic::subtract),
            row("Mul", Arithmetic::multiply),
            row("Div", Arithmetic::divide),
            row("Pow", Arithmetic::power),
            row("Sum", Arithmetic::add),
            row("Mean", Arithmetic::mean),
            row("Max", Arithmetic::extreme),
            row("Min", Arithmetic::extreme),
            row("Where", Arithmetic::where),
            row("Clip", Arithmetic::clip),
            row("CumSum", Arithmetic::cumulativeSum),
            // functions of one variable
            row("Neg", Functions.NEG),
            row("Abs", Functions.ABS),
            row("Sqrt", Functions.SQRT),
            row("Reciprocal", Functions.RECIPROCAL),
            row("Exp", Functions.EXP),
            row("Log", Functions.LOG),
            row("Erf", Functions.ERF),
            row("Sin", Functions.SIN),
            row("Cos", Functions.COS),
            row("Tan", Functions.TAN),
            row("Atan", Functions.ATAN),
            row("Tanh", Functions.TANH),
            row("Sigmoid", Functions.SIGMOID),
            row("Softplus", Functions.SOFTPLUS),
            row("Relu", Functions.RELU),
            row("HardSwish", Functions.HARD_SWISH),
            row("LeakyRelu", Functions::leakyRelu),
            row("ThresholdedRelu", Functions::thresholdedRelu),
            row("PRelu", Functions::parametricRelu),
            row("Elu", Functions::elu),
            row("HardSigmoid", Functions::hardSigmoid),
            row("Gelu", Functions::gelu),
            // reductions and normalisations
            row("ReduceSum", Reductions::sum),
            row("ReduceMean", Reductions::mean),
            row("ReduceMax", Reductions::extreme),
            row("ReduceMin", Reductions::extreme),
            row("ReduceL1", Reductions::l1),
            row("ReduceL2", Reductions::l2),
            row("ReduceSumSquare", Reductions::sumSquare),
            row("ReduceLogSumExp", Reductions::logSumExp),
            row("Softmax", Normalizations::softmax),
            row("LogSoftmax", Normalizations::logSoftmax),
            row("LayerNormalization", Normalizations::layer),
            row("BatchNormalization", Normalizations::batch),
            row("InstanceNormalization", Normalizations::instance),
            // products
            row("MatMul", Products::matMul),
            row("Gemm", Products::gemm),
            row("Einsum", Einsum::backward),
            row("Conv", Convolutions::conv),
            row("ConvTranspose", Convolutions::convTranspose),
            // windows
            row("MaxPool", Pooling::max),
            row("AveragePool", Pooling::average),
            row("GlobalAveragePool", Pooling::globalAverage),
            row("Resize", Resizing::backward),
            // movement
            row("Identity", Movement::identity),
            row("Dropout", Movement::dropout),
            row("Cast", Movement::cast),
            row("Reshape", Movement::reshape),
            row("Flatten", Movement::reshape),
            row("Squeeze", Movement::reshape),
            row("Unsqueeze", Movement::reshape),
            row("Transpose", Movement::transpose),
            row("Expand", Movement::expand),
            row("Tile", Movement::tile),
            row("Concat", Movement::concat),
            row("Split", Movement::split),
            row("DepthToSpace", Movement::depthToSpace),
            row("SpaceToDepth", Movement::spaceToDepth),
            row("Slice", Indexing::slice),
            row("Pad", Indexing::pad),
            row("Gather", Indexing::gather),
            row("GatherElements", Indexing::gatherElements),
            // quantization, straight through
            row("QuantizeLinear", Quantization::quantize),
            row("DequantizeLinear", Quantization::dequantize),
            // nothing flows back
            row("Shape", STOPS),
            row("Size", STOPS),
            row("Equal", STOPS),
            row("Less", STOPS),
            row("LessOrEqual", STOPS),
            row("Greater", STOPS),
            row("GreaterOrEqual", STOPS),
            row("ArgMax", STOPS),
            row("ArgMin", STOPS),
            row("NonZero", STOPS),
            row("ConstantOfShape", STOPS),
            row("Sign", STOPS),
            row("Floor", STOPS),
            row("Ceil", STOPS),
            row("Round", STOPS),
            row("IsNaN", STOPS),
            row("IsInf", STOPS)));

    private Rules() {}

    private static Map.Entry<String, Rule> row(String operator, Rule rule) {
        return Map.entry(operator, rule);
    }

    /** Whether the node's operator has a row. */
    public static boolean has(Node node) {
        return node.domain().isEmpty() && TABLE.containsKey(node.op());
    }

    /** Whether gradients can flow back through the node at all; true for unknown operators. */
    public static boolean flows(Node node) {
        return !node.domain().isEmpty() || TABLE.get(node.op()) != STOPS;
    }

    /**
     * The rule for a node's operator.
     *
     * @throws BadInput naming the operator and the node if there is none
     */
    public static Rule of(Node node) {
        var rule = node.domain().isEmpty() ? TABLE.get(node.op()) : null;
        if (rule == null) {
            String operator = node.domain().isEmpty() ? node.op() : node.domain() + "." + node.op();
            throw new BadInput(
                    "operator " + operator + " of node '" + node.name() + "' has no gradient rule, and a trained"
                            + " tensor reaches the loss through it: train other tensors, or add a rule");
        }
        return rule;
    }

    /** All operators with a row, alphabetically; true if gradients flow, false if they stop. */
    public static Map<String, Boolean> operators() {
        var operators = new TreeMap<String, Boolean>();
        TABLE.forEach((operator, rule) -> operators.put(operator, rule != STOPS));
        return operators;
    }
}
