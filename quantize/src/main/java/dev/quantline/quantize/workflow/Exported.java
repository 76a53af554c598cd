package dev.quantline.quantize.workflow;

import dev.quantline.quantize.export.Report;
import dev.quantline.quantize.plan.QuantizationPlan;

/**
 * What exporting leaves besides the file.
 *
 * @param plan that the file was made of
 */
public record Exported(Report report, QuantizationPlan plan) {}
