package dev.quantline.onnx.pattern;

import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.List;
import java.util.Map;

/** How exporters write normalisation and gated activations: each builds a graph from {@code x [batch, tokens, 8]} to {@code y}. */
enum ExporterPatterns {
    TORCH_LAYERNORM(ActivationKind.LAYERNORM, 7) {
        @Override
        void write(GraphBuilder builder, int opset) {
            String centred = builder.op("centred", "Sub", "x", mean(builder, opset, "mean", "x"));
            String square = builder.op("square", "Pow", centred, number(builder, 2));
            String root = builder.op(
                    "root",
                    "Sqrt",
                    builder.op("safe", "Add", mean(builder, opset, "variance", square), number(builder, 1e-5f)));
            String unit = builder.op("unit", "Div", centred, root);
            builder.op("y", "Add", builder.op("scaled", "Mul", unit, gamma(builder)), beta(builder));
        }
    },
    KERAS_LAYERNORM(ActivationKind.LAYERNORM, 7) {
        @Override
        void write(GraphBuilder builder, int opset) {
            String mean = mean(builder, opset, "mean", "x");
            String distance = builder.op("distance", "Sub", "x", mean);
            String variance = mean(builder, opset, "variance", builder.op("square", "Mul", distance, distance));
            String inverse = builder.op(
                    "inverse",
                    "Reciprocal",
                    builder.op("root", "Sqrt", builder.op("safe", "Add", variance, number(builder, 1e-3f))));
            String factor = builder.op("factor", "Mul", inverse, gamma(builder));
            String rest = builder.op("rest", "Sub", beta(builder), builder.op("moved", "Mul", mean, factor));
            builder.op("y", "Add", builder.op("product", "Mul", "x", factor), rest);
        }
    },
    LAYERNORM_OPERATOR(ActivationKind.LAYERNORM, 17) {
        @Override
        void write(GraphBuilder builder, int opset) {
            builder.op("y", "LayerNormalization", Map.of("axis", -1L), "x", gamma(builder), beta(builder));
        }
    },
    LLAMA_RMSNORM(ActivationKind.RMSNORM, 7) {
        @Override
        void write(GraphBuilder builder, int opset) {
            String variance = mean(builder, opset, "variance", builder.op("square", "Pow", "x", number(builder, 2)));
            String root = builder.op("root", "Sqrt", builder.op("safe", "Add", variance, number(builder, 1e-6f)));
            String unit = builder.op("unit", "Mul", "x", builder.op("inverse", "Div", number(builder, 1), root));
            builder.op("y", "Mul", gamma(builder), unit);
        }
    },
    DIVIDED_RMSNORM(ActivationKind.RMSNORM, 7) {
        @Override
        void write(GraphBuilder builder, int opset) {
            String variance = mean(builder, opset, "variance", builder.op("square", "Mul", "x", "x"));
            String root = builder.op("root", "Sqrt", builder.op("safe", "Add", variance, number(builder, 1e-6f)));
            builder.op("y", "Mul", builder.op("unit", "Div", "x", root), gamma(builder));
        }
    },
    POWER_RMSNORM(ActivationKind.RMSNORM, 7) {
        @Override
        void write(GraphBuilder builder, int opset) {
            String variance = mean(builder, opset, "variance", builder.op("square", "Mul", "x", "x"));
            String inverse = builder.op(
                    "inverse",
                    "Pow",
                    builder.op("safe", "Add", variance, number(builder, 1e-6f)),
                    number(builder, -.5f));
            builder.op("y", "Mul", builder.op("unit", "Mul", "x", inverse), gamma(builder));
        }
    },
    OPTIMIZED_RMSNORM(ActivationKind.RMSNORM, 7) {
        @Override
        void write(GraphBuilder builder, int opset) {
            builder.op("y", "SimplifiedLayerNormalization", Map.of("axis", -1L, "epsilon", 1e-6f), "x", gamma(builder));
        }
    },
    ERF_GELU(ActivationKind.GELU, 9) {
        @Override
        void write(GraphBuilder builder, int opset) {
            String erf = builder.op("erf", "Erf", builder.op("inside", "Div", "x", number(builder, 1.4142135f)));
            String gate = builder.op("gate", "Add", erf, number(builder, 1));
            builder.op("y", "Mul", builder.op("product", "Mul", "x", gate), number(builder, .5f));
        }
    },
    HALVED_GELU(ActivationKind.GELU, 9) {
        @Override
        void write(GraphBuilder builder, int opset) {
            String erf = builder.op("erf", "Erf", builder.op("inside", "Mul", "x", number(builder, .70710677f)));
            String gate = builder.op("gate", "Add", number(builder, 1), erf);
            builder.op("y", "Mul", builder.op("half", "Mul", number(builder, .5f), "x"), gate);
        }
    },
    TANH_GELU(ActivationKind.GELU, 7) {
        @Override
        void write(GraphBuilder builder, int opset) {
            String cube = builder.op(
                    "small", "Mul", builder.op("cube", "Pow", "x", number(builder, 3)), number(builder, .044715f));
            String inside =
                    builder.op("inside", "Mul", builder.op("sum", "Add", "x", cube), number(builder, .7978846f));
            String gate = builder.op("gate", "Add", builder.op("tanh", "Tanh", inside), number(builder, 1));
            builder.op("y", "Mul", builder.op("half", "Mul", "x", number(builder, .5f)), gate);
        }
    },
    GELU_OPERATOR(ActivationKind.GELU, 20) {
        @Override
        void write(GraphBuilder builder, int opset) {
            builder.op("y", "Gelu", "x");
        }
    },
    OPTIMIZED_GELU(ActivationKind.GELU, 7) {
        @Override
        void write(GraphBuilder builder, int opset) {
            builder.graph()
                    .nodes()
                    .add(new Node("gelu", "FastGelu", "com.microsoft", List.of("x"), List.of("y"), Map.of()));
        }
    },
    QUICK_GELU(ActivationKind.GELU, 7) {
        @Override
        void write(GraphBuilder builder, int opset) {
            builder.op(
                    "y",
                    "Mul",
                    "x",
                    builder.op("gate", "Sigmoid", builder.op("inside", "Mul", "x", number(builder, 1.702f))));
        }
    },
    TORCH_SILU(ActivationKind.SILU, 7) {
        @Override
        void write(GraphBuilder builder, int opset) {
            builder.op("y", "Mul", "x", builder.op("gate", "Sigmoid", "x"));
        }
    },
    SWIGLU(ActivationKind.GATE, 7) {
        @Override
        void write(GraphBuilder builder, int opset) {
            String up = builder.op("up", "MatMul", "x", builder.normal("up.weight", 1, 8, 8));
            builder.op("y", "Mul", builder.op("silu", "Mul", "x", builder.op("gate", "Sigmoid", "x")), up);
        }
    };

    final ActivationKind kind;
    final int since;

    ExporterPatterns(ActivationKind kind, int since) {
        this.kind = kind;
        this.since = since;
    }

    abstract void write(GraphBuilder builder, int opset);

    /** The graph, with {@code y} read by a product with constant weights. */
    Graph graph(int opset) {
        var builder = new GraphBuilder(opset, ordinal());
        builder.input("x", DataType.FLOAT, -1, -1, 8);
        write(builder, opset);
        builder.op("z", "MatMul", "y", builder.normal("weight", 1, 8, 4));
        builder.output("z", DataType.FLOAT, -1, -1, 4);
        return builder.graph().withOpset("com.microsoft", 1);
    }

    /** Axes of reductions became an input at opset 18. */
    static String mean(GraphBuilder builder, int opset, String output, String x) {
        return opset < 18
                ? builder.op(output, "ReduceMean", Map.of("axes", new long[] {opset < 11 ? 2 : -1}), x)
                : builder.op(output, "ReduceMean", x, builder.constant(output + ".axes", Tensor.vector(-1L)));
    }

    private static String number(GraphBuilder builder, float value) {
        return builder.constant("number " + value, Tensor.scalar(value));
    }

    private static String gamma(GraphBuilder builder) {
        return builder.between("gamma", .3, 3, 8);
    }

    private static String beta(GraphBuilder builder) {
        return builder.between("beta", -1, 1, 8);
    }
}
