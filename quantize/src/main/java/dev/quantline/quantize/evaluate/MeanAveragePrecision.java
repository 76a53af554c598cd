package dev.quantline.quantize.evaluate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Targets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.DoubleStream;

/**
 * {@link AveragePrecision} of a detector's boxes. The true boxes are {@code [samples, boxes, 5]}: class, x1, y1, x2, y2 in the unit of
 * the model's boxes; rows with a class below 0 are padding.
 */
final class MeanAveragePrecision implements Metric {
    private static final int COLUMNS = 5;
    /** A larger coordinate cannot be a fraction of a side, even for a box that extends beyond the picture. */
    private static final double LARGEST_SHARE = 2;

    private final AveragePrecision precision;
    private final boolean sigmoid;
    private final Optional<String> named;
    private final Targets targets;
    private DetectorOutputs layout;

    /**
     * @param sigmoid whether classes of queries have independent probabilities
     * @param named   an output that the layout must read
     */
    MeanAveragePrecision(AveragePrecision precision, boolean sigmoid, Optional<String> named, Targets targets) {
        this.precision = precision;
        this.sigmoid = sigmoid;
        this.named = named;
        this.targets = targets;
    }

    @Override
    public List<String> outputs(Map<String, Tensor> outputs) {
        layout = layout == null ? DetectorLayout.of(outputs, named, sigmoid) : layout;
        return layout.names();
    }

    @Override
    public double[] measure(Dataset.Batch fed, Map<String, Tensor> outputs) {
        var names = outputs(outputs);
        var wanted = targets.of(fed);
        if (wanted.rank() != 3 || wanted.dim(2) != COLUMNS) {
            throw new BadInput(
                    "metric map needs targets [samples, boxes, 5] with class, x1, y1, x2, y2 in each row, but targets are "
                            + wanted);
        }
        var measured = DoubleStream.builder();
        for (int i = 0; i < fed.size(); i++) {
            var picture = new HashMap<String, Tensor>();
            for (String name : names) {
                picture.put(name, ofSample(i, fed.size(), name, outputs.get(name)));
            }
            var found =
                    layout.found(picture).stream().filter(Detection::isFound).toList();
            Arrays.stream(precision.measure(found, right(wanted.rows(i, i + 1), fed.first() + i)))
                    .forEach(measured::add);
        }
        return measured.build().toArray();
    }

    @Override
    public void count(double[] measured) {
        precision.count(measured);
    }

    /** Outputs of varying size may look ambiguous in another batch. */
    @Override
    public boolean isLedByFirst() {
        return true;
    }

    private static Tensor ofSample(int sample, int samples, String name, Tensor output) {
        if (samples == 1) {
            return output;
        }
        if (output.dim(0) != samples) {
            throw new BadInput("output '" + name + "' is " + output + " for " + samples
                    + " pictures, so boxes cannot be assigned to pictures:"
                    + " export the model for one picture at a time");
        }
        return output.rows(sample, sample + 1);
    }

    private Map<Integer, List<Box>> right(Tensor rows, int sample) {
        var right = new HashMap<Integer, List<Box>>();
        for (int k = 0; k < rows.dim(1); k++) {
            double label = rows.get(COLUMNS * k);
            if (label < 0) {
                continue;
            }
            var box = new Box(
                    rows.get(COLUMNS * k + 1),
                    rows.get(COLUMNS * k + 2),
                    rows.get(COLUMNS * k + 3),
                    rows.get(COLUMNS * k + 4));
            String what = "targets: box " + k + " of sample " + sample + " is [" + label + ", " + box.x1() + ", "
                    + box.y1() + ", " + box.x2() + ", " + box.y2() + "]";
            if (label != (int) label || !box.isFinite() || box.x2() < box.x1() || box.y2() < box.y1()) {
                throw new BadInput(what + ": write class, x1, y1, x2, y2 with x2 and y2 the right and lower edge");
            }
            if (layout.areShares() && box.x2() > LARGEST_SHARE) {
                throw new BadInput(what
                        + ", but the model's boxes are in fractions of the picture's sides: divide x by its width and y by its"
                        + " height");
            }
            right.computeIfAbsent((int) label, first -> new ArrayList<>()).add(box);
        }
        return right;
    }

    @Override
    public double value() {
        double mean = precision.value();
        if (Double.isNaN(mean)) {
            throw new BadInput("metric map: the targets contain no boxes");
        }
        return mean;
    }

    @Override
    public void close() {
        targets.close();
    }
}
