package dev.quantline.quantize.allocate;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.calibrate.Calibrator;
import dev.quantline.quantize.profile.Profiler;
import dev.quantline.quantize.settings.Width;
import java.util.List;
import java.util.stream.Collectors;

/** A small network calibrated at several widths. */
record Widths(Graph model, Candidates candidates) {
    /** The model without tuning. */
    FloatModels models() {
        return new FloatModels(
                model,
                BASE,
                candidates.widths().stream()
                        .collect(Collectors.toMap(Width::weights, width -> model, (one, same) -> one)));
    }

    static final Width BASE = new Width(8, 8);
    static final Width NARROW = new Width(4, 8);
    static final Width NARROWEST = new Width(4, 4);

    static Widths of(Graph network, Samples samples, Width... widths) {
        var prepared = PreparedModel.prepare(network);
        var profile =
                Profiler.observe(prepared, samples, 0, samples.size(), 8, List.of(), Provider.cpu(), Progress.none());
        var settings = CalibrateSettings.int8().withCandidates(List.of(4, 8));
        var result = Calibrator.calibrate(prepared, profile, samples, settings, 8, Provider.cpu(), Progress.none());
        return new Widths(
                result.model(), Candidates.of(result.model(), result.plan(), BASE, result.table(), List.of(widths)));
    }
}
