package dev.quantline.quantize.export;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.evaluate.Comparison;
import dev.quantline.quantize.evaluate.Fidelity;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;

/**
 * Runs an exported file with several batch sizes, loaded as its user would, and compares it with the simulation of the plan:
 * the same QDQ graph as it is written, in float, without fusion.
 *
 * <p>Both compute the same codes except where a float sum and an integer sum round an activation to neighbouring codes. Such
 * differences stay well below the quantization error itself; a file that is farther from its simulation than the simulation is
 * from the float model computes something else and is rejected.
 *
 * @param shapes   batch sizes that were run
 * @param cosine   mean cosine similarity of rows of the file's output and of the simulation's, for the output that is farthest
 * @param sqnrDb   power of that output in the simulation over the difference, in decibels; 200 if they are equal
 */
public record Verification(List<Integer> shapes, double cosine, double sqnrDb) {
    private static final int[] BATCHES = {1, 2, 5};
    /** Differences below this level never matter. */
    private static final double NEGLIGIBLE_DB = 40;

    /**
     * Verifies a file.
     *
     * @param exported  the file, loaded as its user would
     * @param original  the model as given
     * @param simulated QDQ graph of the plan, with the same outputs
     * @throws BadInput if the file cannot be run, or does not compute what the plan does
     */
    static Verification of(Session exported, Session original, Graph simulated, Samples samples, Provider provider) {
        var shapes = new LinkedHashSet<Integer>();
        var difference = new Comparison();
        var quantization = new Comparison();
        try (var plan = Session.open(simulated, provider, Session.Optimization.NONE)) {
            int first = 0;
            for (int batch :
                    Arrays.stream(BATCHES).map(samples::batchSize).distinct().toArray()) {
                var fed = new ArrayList<Dataset.Batch>();
                samples.forEachBatch(first, Math.min(first + batch, samples.size()), batch, fed::add);
                if (!fed.isEmpty()) {
                    var arrays = fed.getFirst();
                    var wanted = plan.run(arrays.arrays());
                    difference.add(arrays, wanted, exported.run(arrays.arrays()));
                    quantization.add(arrays, original.run(arrays.arrays()), wanted);
                    shapes.add(arrays.size());
                    first += batch;
                }
            }
        }
        if (shapes.isEmpty()) {
            throw new BadInput("the evaluation data has fewer samples than one batch of the model");
        }
        difference.outputs().forEach((name, closeness) -> {
            if (closeness instanceof Fidelity file && quantization.outputs().get(name) instanceof Fidelity plan) {
                check(name, file.sqnrDb(), plan.sqnrDb());
            }
        });
        return new Verification(
                List.copyOf(shapes),
                difference.worst().cosine(),
                difference.worst().sqnrDb());
    }

    private static void check(String output, double file, double plan) {
        if (file < Math.min(plan, NEGLIGIBLE_DB)) {
            throw new BadInput(
                    ("at '%s' the exported model is farther from its plan (%.1f dB) than the plan is from the float model"
                                    + " (%.1f dB): ONNX Runtime does not compute what the file says;"
                                    + " please report it with the model")
                            .formatted(output, file, plan));
        }
    }
}
