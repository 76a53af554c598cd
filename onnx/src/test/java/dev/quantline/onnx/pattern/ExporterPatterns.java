package dev.quantline.onnx.pattern;

import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.List;
import java.util.Map;

/** How exporters write normalisation and squashes of x: each builds a graph from {@code x [batch, tokens, 8]} to {@code y}. */
enum ExporterPatterns {
    TORCH_LAYERNORM(ActivationKind.LAYERNORM, 7) {
        @Override
        void write(GraphBuilder draft, int opset) {
            String centred = draft.op("centred", "Sub", "x", mean(draft, opset, "mean", "x"));
            String square = draft.op("square", "Pow", centred, number(draft, 2));
            String root = draft.op(
                    "root",
                    "Sqrt",
                    draft.op("safe", "Add", mean(draft, opset, "variance", square), number(draft, 1e-5f)));
            String unit = draft.op("unit", "Div", centred, root);
            draft.op("y", "Add", draft.op("scaled", "Mul", unit, gamma(draft)), beta(draft));
        }
    },
    KERAS_LAYERNORM(ActivationKind.LAYERNORM, 7) {
        @Override
        void write(GraphBuilder draft, int opset) {
            String mean = mean(draft, opset, "mean", "x");
            String distance = draft.op("distance", "Sub", "x", mean);
            String variance = mean(draft, opset, "variance", draft.op("square", "Mul", distance, distance));
            String inverse = draft.op(
                    "inverse",
                    "Reciprocal",
                    draft.op("root", "Sqrt", draft.op("safe", "Add", variance, number(draft, 1e-3f))));
            String factor = draft.op("factor", "Mul", inverse, gamma(draft));
            String rest = draft.op("rest", "Sub", beta(draft), draft.op("moved", "Mul", mean, factor));
            draft.op("y", "Add", draft.op("product", "Mul", "x", factor), rest);
        }
    },
    LAYERNORM_OPERATOR(ActivationKind.LAYERNORM, 17) {
        @Override
        void write(GraphBuilder draft, int opset) {
            draft.op("y", "LayerNormalization", Map.of("axis", -1L), "x", gamma(draft), beta(draft));
        }
    },
    LLAMA_RMSNORM(ActivationKind.RMSNORM, 7) {
        @Override
        void write(GraphBuilder draft, int opset) {
            String variance = mean(draft, opset, "variance", draft.op("square", "Pow", "x", number(draft, 2)));
            String root = draft.op("root", "Sqrt", draft.op("safe", "Add", variance, number(draft, 1e-6f)));
            String unit = draft.op("unit", "Mul", "x", draft.op("inverse", "Div", number(draft, 1), root));
            draft.op("y", "Mul", gamma(draft), unit);
        }
    },
    DIVIDED_RMSNORM(ActivationKind.RMSNORM, 7) {
        @Override
        void write(GraphBuilder draft, int opset) {
            String variance = mean(draft, opset, "variance", draft.op("square", "Mul", "x", "x"));
            String root = draft.op("root", "Sqrt", draft.op("safe", "Add", variance, number(draft, 1e-6f)));
            draft.op("y", "Mul", draft.op("unit", "Div", "x", root), gamma(draft));
        }
    },
    POWER_RMSNORM(ActivationKind.RMSNORM, 7) {
        @Override
        void write(GraphBuilder draft, int opset) {
            String variance = mean(draft, opset, "variance", draft.op("square", "Mul", "x", "x"));
            String inverse = draft.op(
                    "inverse", "Pow", draft.op("safe", "Add", variance, number(draft, 1e-6f)), number(draft, -.5f));
            draft.op("y", "Mul", draft.op("unit", "Mul", "x", inverse), gamma(draft));
        }
    },
    OPTIMIZED_RMSNORM(ActivationKind.RMSNORM, 7) {
        @Override
        void write(GraphBuilder draft, int opset) {
            draft.op("y", "SimplifiedLayerNormalization", Map.of("axis", -1L, "epsilon", 1e-6f), "x", gamma(draft));
        }
    },
    ERF_GELU(ActivationKind.GELU, 9) {
        @Override
        void write(GraphBuilder draft, int opset) {
            String erf = draft.op("erf", "Erf", draft.op("inside", "Div", "x", number(draft, 1.4142135f)));
            String gate = draft.op("gate", "Add", erf, number(draft, 1));
            draft.op("y", "Mul", draft.op("product", "Mul", "x", gate), number(draft, .5f));
        }
    },
    HALVED_GELU(ActivationKind.GELU, 9) {
        @Override
        void write(GraphBuilder draft, int opset) {
            String erf = draft.op("erf", "Erf", draft.op("inside", "Mul", "x", number(draft, .70710677f)));
            String gate = draft.op("gate", "Add", number(draft, 1), erf);
            draft.op("y", "Mul", draft.op("half", "Mul", number(draft, .5f), "x"), gate);
        }
    },
    TANH_GELU(ActivationKind.GELU, 7) {
        @Override
        void write(GraphBuilder draft, int opset) {
            String cube =
                    draft.op("small", "Mul", draft.op("cube", "Pow", "x", number(draft, 3)), number(draft, .044715f));
            String inside = draft.op("inside", "Mul", draft.op("sum", "Add", "x", cube), number(draft, .7978846f));
            String gate = draft.op("gate", "Add", draft.op("tanh", "Tanh", inside), number(draft, 1));
            draft.op("y", "Mul", draft.op("half", "Mul", "x", number(draft, .5f)), gate);
        }
    },
    GELU_OPERATOR(ActivationKind.GELU, 20) {
        @Override
        void write(GraphBuilder draft, int opset) {
            draft.op("y", "Gelu", "x");
        }
    },
    OPTIMIZED_GELU(ActivationKind.GELU, 7) {
        @Override
        void write(GraphBuilder draft, int opset) {
            draft.graph()
                    .nodes()
                    .add(new Node("gelu", "FastGelu", "com.microsoft", List.of("x"), List.of("y"), Map.of()));
        }
    },
    QUICK_GELU(ActivationKind.GELU, 7) {
        @Override
        void write(GraphBuilder draft, int opset) {
            draft.op(
                    "y",
                    "Mul",
                    "x",
                    draft.op("gate", "Sigmoid", draft.op("inside", "Mul", "x", number(draft, 1.702f))));
        }
    },
    TORCH_SILU(ActivationKind.SILU, 7) {
        @Override
        void write(GraphBuilder draft, int opset) {
            draft.op("y", "Mul", "x", draft.op("gate", "Sigmoid", "x"));
        }
    },
    SWIGLU(ActivationKind.GATE, 7) {
        @Override
        void write(GraphBuilder draft, int opset) {
            String up = draft.op("up", "MatMul", "x", draft.normal("up.weight", 1, 8, 8));
            draft.op("y", "Mul", draft.op("silu", "Mul", "x", draft.op("gate", "Sigmoid", "x")), up);
        }
    };

    final ActivationKind kind;
    final int since;

    ExporterPatterns(ActivationKind kind, int since) {
        this.kind = kind;
        this.since = since;
    }

    abstract void write(GraphBuilder draft, int opset);

    /** The graph, {@code y} read by a product with constant weights. */
    Graph graph(int opset) {
        var draft = new GraphBuilder(opset, ordinal());
        draft.input("x", DataType.FLOAT, -1, -1, 8);
        write(draft, opset);
        draft.op("z", "MatMul", "y", draft.normal("weight", 1, 8, 4));
        draft.output("z", DataType.FLOAT, -1, -1, 4);
        return draft.graph().withOpset("com.microsoft", 1);
    }

    /** Axes of reductions became an input at opset 18. */
    static String mean(GraphBuilder draft, int opset, String output, String x) {
        return opset < 18
                ? draft.op(output, "ReduceMean", Map.of("axes", new long[] {opset < 11 ? 2 : -1}), x)
                : draft.op(output, "ReduceMean", x, draft.constant(output + ".axes", Tensor.vector(-1L)));
    }

    private static String number(GraphBuilder draft, float value) {
        return draft.constant("number " + value, Tensor.scalar(value));
    }

    private static String gamma(GraphBuilder draft) {
        return draft.between("gamma", .3, 3, 8);
    }

    private static String beta(GraphBuilder draft) {
        return draft.between("beta", -1, 1, 8);
    }
}
