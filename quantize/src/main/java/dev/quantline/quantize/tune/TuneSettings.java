package dev.quantline.quantize.tune;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quantline.quantize.settings.Distance;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.Recipe.Training;
import dev.quantline.quantize.settings.Recipe.Tune;
import dev.quantline.quantize.settings.Rounding;
import dev.quantline.quantize.settings.TuningMethod;
import dev.quantline.quantize.settings.Whole;
import java.util.Optional;

/**
 * The tuning section of a recipe and what follows from the metric.
 *
 * @param tune   what is trained, and how
 * @param logits whether outputs are logits: the whole network is then trained and judged by the distributions that they
 *               parametrize
 * @param output the output that the metric reads and that everything is tuned for if outputs are logits; the first float output
 *               if empty. Outputs that are not logits all count
 */
public record TuneSettings(Tune tune, boolean logits, Optional<String> output) {
    private static final double WHOLE_RATE = 0.05;
    private static final double LOGITS_RATE = 0.2;

    /** For outputs that are not logits. */
    public TuneSettings(Tune tune) {
        this(tune, false, Optional.empty());
    }

    /** The same settings for weights that are already rounded and biases already corrected: only training is left. */
    TuneSettings afterRounding() {
        var rest = (ObjectNode) Json.tree(tune);
        rest.put("rounding", Rounding.NEAREST.word()).put("bias", false);
        return new TuneSettings(Json.MAPPER.convertValue(rest, Tune.class), logits, output);
    }

    /** How much of the whole network is trained: nothing, biases or everything. */
    Whole whole() {
        return tune.whole() != Whole.LOGITS ? tune.whole() : logits ? Whole.ALL : Whole.OFF;
    }

    boolean trainsWhole() {
        return whole() != Whole.OFF;
    }

    /** How the whole network is trained: with smaller steps, because the pieces leave less to do. */
    Training wholeTraining(Training ofPieces) {
        return logits ? ofPieces.withLoss(Distance.KL).withRates(LOGITS_RATE) : ofPieces.withRates(WHOLE_RATE);
    }

    /** What is trained in the whole network. */
    Trainables wholeTrainables() {
        boolean all = whole() == Whole.ALL;
        return new Trainables(all ? Trainables.Weights.SHIFTED : Trainables.Weights.FIXED, true, all, all, false);
    }

    /** What is trained in a piece. */
    Trainables trainables() {
        if (tune.layers() == TuningMethod.OFF) {
            return Trainables.NOTHING;
        }
        boolean rounded = tune.layers() == TuningMethod.ADAROUND;
        return new Trainables(
                rounded ? Trainables.Weights.ROUNDED : Trainables.Weights.SHIFTED,
                true,
                !rounded,
                true,
                tune.affine(),
                tune.training().rates().zeroPoints() > 0);
    }
}
