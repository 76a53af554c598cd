package dev.quantline.quantize.workflow;

import dev.quantline.quantize.export.Report;
import dev.quantline.quantize.plan.QuantizationPlan;

/**
 * The result of exporting besides the file.
 *
 * @param plan the plan of the file
 */
public record Exported(Report report, QuantizationPlan plan) {}
