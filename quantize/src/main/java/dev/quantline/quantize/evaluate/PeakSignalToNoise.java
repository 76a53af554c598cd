package dev.quantline.quantize.evaluate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Targets;
import java.util.Map;
import java.util.Optional;

/**
 * Peak signal-to-noise ratio in decibels of pictures against their targets, {@code 10 log10(peak^2 / mean squared error)}, averaged
 * over the samples. Byte targets are divided by 255, float targets are used as they are; the peak is 1.
 */
final class PeakSignalToNoise implements OneOutput {
    private static final double WHITE = 255;
    /** The value for equal pictures, which have no noise. */
    private static final double MOST = 100;

    private final Optional<String> named;
    private final Targets targets;
    private double sum;
    private int samples;

    /** @param named the output; the first float output if empty */
    PeakSignalToNoise(Optional<String> named, Targets targets) {
        this.named = named;
        this.targets = targets;
    }

    @Override
    public double[] measure(Dataset.Batch fed, Map<String, Tensor> outputs) {
        var wanted = targets.of(fed);
        var output = outputs.get(output(outputs));
        if (output.size() != wanted.size()) {
            throw new BadInput("metric psnr needs targets of the size of output '" + output(outputs) + "', which is "
                    + output + ", but targets are " + wanted + ": name another output with evaluation.output");
        }
        double unit = wanted.type() == DataType.UINT8 ? WHITE : 1;
        int each = output.size() / fed.size();
        var decibels = new double[fed.size()];
        for (int i = 0; i < fed.size(); i++) {
            double error = 0;
            for (int k = i * each; k < (i + 1) * each; k++) {
                double difference = output.get(k) - wanted.get(k) / unit;
                error += difference * difference;
            }
            decibels[i] = error == 0 ? MOST : Math.min(MOST, -10 * Math.log10(error / each));
        }
        return decibels;
    }

    @Override
    public void count(double[] decibels) {
        for (double each : decibels) {
            sum += each;
        }
        samples += decibels.length;
    }

    @Override
    public String output(Map<String, Tensor> outputs) {
        return Metric.output(outputs, named);
    }

    @Override
    public double value() {
        return sum / samples;
    }

    @Override
    public void close() {
        targets.close();
    }
}
