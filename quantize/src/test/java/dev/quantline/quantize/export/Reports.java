package dev.quantline.quantize.export;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quantline.onnx.rewrite.Rewrite;
import dev.quantline.quantize.plan.Observed;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reports with everything that a report may contain. */
final class Reports {
    /** A name without a place to break it, which is markup, steers terminals, turns text around, and has a second line. */
    static final String HOSTILE = "</script><!--<script>alert(1)</script><img src=x onerror=alert(1)>"
            + "encoder.layer".repeat(12) + "\u001b]0;pwn\u0007\u202e\u200b\u2028\nimport os";

    static final Report.Provenance ORIGIN =
            new Report.Provenance("a1".repeat(32), "b2".repeat(32), "c3".repeat(32), "1.2.3", 7);

    private Reports() {}

    /** Successful, eight bits, one image input, some layers narrowed. */
    static Report int8() {
        return report(
                "done",
                null,
                8,
                null,
                List.of(),
                "top1",
                List.of(new JudgedOutput("logits", "float", null, .9987, 31.2, null)),
                new Usage(
                        List.of(new Usage.Input(
                                "image",
                                "FLOAT",
                                List.of("batch", "3", "32", "32"),
                                0,
                                new Usage.Scaling(List.of(.49f, .48f, .45f), List.of(.25f, .24f, .26f)))),
                        List.of("logits"),
                        17,
                        List.of(),
                        null));
    }

    /** Widths allocated, the goal missed, unusable outputs, long names with markup. */
    static Report mixedMissed() {
        var outputs = List.of(
                new JudgedOutput(HOSTILE, "float", null, .61, 4.2, null),
                new JudgedOutput("scores", "float", "classes", .5, 2.0, null),
                new JudgedOutput("classes", "integer", null, null, null, .72));
        var points = List.of(
                new Report.Point(.13, 130_000, .05, .061, true),
                new Report.Point(.2, 200_000, .01, null, false),
                new Report.Point(.3, 300_000, .002, .0021, false));
        return report(
                "goal-missed",
                "the metric dropped by 0.2000, but the goal allows 0.0100; this is the best model found; '" + HOSTILE
                        + "' is at 4.2 dB, below 10 dB: the quantized model does not compute what the float model does",
                4,
                new Report.Allocation("KL divergence", 64, .13, .01, .05, .061, 0),
                points,
                "fidelity",
                outputs,
                new Usage(
                        List.of(
                                new Usage.Input("input_ids", "INT64", List.of("?", "tokens\u202e\nimport os"), 0, null),
                                new Usage.Input(HOSTILE, "BOOL", List.of(), null, null)),
                        List.of("classes", HOSTILE),
                        21,
                        List.of("com.microsoft"),
                        "1.23"));
    }

    private static Report report(
            String status,
            String message,
            int bits,
            Report.Allocation allocation,
            List<Report.Point> pareto,
            String metric,
            List<JudgedOutput> outputs,
            Usage usage) {
        var layers = new ArrayList<Report.Layer>();
        var tuning = new ArrayList<Report.Step>();
        for (int i = 0; i < 12; i++) {
            String name =
                    i == 3 && allocation != null ? HOSTILE : "/encoder/layer." + i + "/attention/self/query/MatMul";
            var losses = allocation == null ? null : Map.of("4/8", .01 * (i + 1), "8/8", .0001 * (i + 1));
            layers.add(new Report.Layer(
                    name,
                    "MatMul",
                    i % 5 == 0 ? 8 : bits,
                    8,
                    "uniform",
                    "mse",
                    147_456,
                    73_728,
                    losses == null ? null : .01 * (i + 1),
                    1e-5 * (12 - i),
                    30.0 + i,
                    losses));
            tuning.add(new Report.Step(
                    "reconstruct",
                    "/encoder/layer." + i,
                    .2,
                    .1,
                    i % 4 != 0,
                    List.of(
                            new Report.Step.Point(0, .2),
                            new Report.Step.Point(50, .12),
                            new Report.Step.Point(100, .1))));
        }
        var stages = new LinkedHashMap<String, Report.Stage>();
        List.of("profile", "calibrate", "tune", "export")
                .forEach(stage -> stages.put(stage, new Report.Stage(stage.length(), .1)));
        var request = new ObjectMapper()
                .valueToTree(Map.of(
                        "model",
                        "s3://quantline/inputs/resnet20.onnx",
                        "recipe",
                        Map.of("preset", "int8"),
                        "normalize",
                        Map.of("image", Map.of("mean", List.of(.5), "std", List.of(.5)))));
        return new Report(
                "resnet20-cifar10-20261127-151801",
                status,
                message,
                allocation == null ? "int8" : "mixed",
                new Report.Original(1_109_252, new Report.Value(metric, .816), .59),
                new Report.Value(metric, .81),
                new Report.Quantized(258_925, new Report.Value(metric, .806), .37, bits, 8),
                new Report.Closeness(.61, 4.2),
                outputs,
                1,
                layers,
                tuning,
                stages,
                List.of(
                        "4-bit codes are packed two per byte (INT4, UINT4): onnxruntime loads the file from 1.23 on",
                        "layers that were already quantized stay as they are: " + HOSTILE),
                new Kernels(20, 2, 2),
                new Verification(List.of(1, 2, 5), 1, 61.5),
                allocation,
                pareto,
                ORIGIN,
                new Saturation(
                        "cpu",
                        20,
                        List.of(),
                        List.of(
                                new Saturation.Narrowed("/encoder/layer.1/query", 1e-4, 5e-5),
                                new Saturation.Narrowed(HOSTILE, 2e-4, 5e-5))),
                new Report.Machine(
                        "AMD EPYC 9R45",
                        "VNNI",
                        false,
                        "latency, metric and fidelity as ONNX Runtime runs the file by default"),
                new Report.Judged(metric, metric.equals("fidelity") ? null : "logits", 3000),
                usage,
                new Report.Asked(
                        "s3://quantline/inputs/" + "a".repeat(64) + "/resnet20.onnx",
                        "s3://quantline/inputs/calibration.npz",
                        null,
                        "2026-11-27T15:18:01Z",
                        "./quantline quantize resnet20.onnx --data calibration.npz --recipe recipe.json --normalize"
                                + " normalize.json --target cpu",
                        request));
    }

    /** Activations of two kinds, one of which stays float. */
    static ReportPlots gallery() {
        var seen = new Observed(
                -1,
                .05,
                List.of(1L, 4L, 90L, 2000L, 80L, 12L, 0L, 2L),
                0,
                .7,
                3,
                Map.of(6, .02),
                List.of(new Observed.Reach(17, -1, 4, 9), new Observed.Reach(3, -.5, .5, 2)),
                List.of(4));
        return new ReportPlots(
                List.of(
                        new ReportPlots.Picture(
                                "/encoder/layer.0/output", "gelu", seen, null, "uniform", "mse", 8, -1f, 1f, 38.0),
                        new ReportPlots.Picture(
                                HOSTILE, "softmax", seen, "it holds a mask", null, null, null, null, null, null)),
                List.of(new Rewrite(
                        "spread " + HOSTILE, List.of("/encoder/layer.0"), List.of(HOSTILE + ": has two readers"))));
    }
}
