package dev.quantline.quantize.export;

import dev.quantline.onnx.rewrite.Rewrite;
import dev.quantline.quantize.plan.CalibrationTable;
import dev.quantline.quantize.plan.Observed;
import dev.quantline.quantize.plan.QuantizationPlan;
import java.util.List;

/**
 * Charts of the report: every activation with its distribution and the chosen range, and the rewrites.
 *
 * @param sites    in graph order
 * @param rewrites in the order in which they were tried
 */
public record ReportPlots(List<Picture> sites, List<Rewrite> rewrites) {
    /** A report without charts. */
    public static final ReportPlots EMPTY = new ReportPlots(List.of(), List.of());

    /**
     * One activation.
     *
     * @param left      why it stays float; null if it does not
     * @param quantizer null if it stays float, as are {@code range}, {@code bits}, {@code low}, {@code high} and
     *                  {@code sqnrDb}
     * @param low       smallest number that is not clipped
     * @param high      largest number that is not clipped
     */
    public record Picture(
            String tensor,
            String kind,
            Observed observed,
            String left,
            String quantizer,
            String range,
            Integer bits,
            Float low,
            Float high,
            Double sqnrDb) {}

    /** Charts of the calibration data, with the ranges of the exported plan. */
    public static ReportPlots of(CalibrationTable table, QuantizationPlan plan) {
        return new ReportPlots(
                table.activations().stream()
                        .map(site -> picture(site, plan, table))
                        .toList(),
                table.rewrites());
    }

    private static Picture picture(CalibrationTable.Activation site, QuantizationPlan plan, CalibrationTable table) {
        return plan.activations().stream()
                .filter(planned -> planned.tensor().equals(site.tensor()))
                .findFirst()
                .map(planned -> {
                    var quantizer = planned.quantizer();
                    return new Picture(
                            site.tensor(),
                            site.kind(),
                            site.observed(),
                            null,
                            quantizer.label(),
                            planned.range(),
                            quantizer.bits(),
                            quantizer.lowest(0),
                            quantizer.highest(0),
                            table.activation(site.tensor(), quantizer.bits())
                                    .map(CalibrationTable.ActivationCandidate::sqnrDb)
                                    .orElse(null));
                })
                .orElseGet(() -> new Picture(
                        site.tensor(),
                        site.kind(),
                        site.observed(),
                        site.left() == null ? "not in the plan" : site.left(),
                        null,
                        null,
                        null,
                        null,
                        null,
                        null));
    }
}
