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
 * A recipe's tuning and what follows from the metric.
 *
 * @param tune   what is trained, and how
 * @param logits whether outputs are logits: the whole network then learns, and is judged, by the distributions they stand for
 * @param output the output that a metric looks at, and everything is tuned for, where outputs are logits; the first one of floats
 *               when empty. Outputs that are no logits all count
 */
public record TuneSettings(Tune tune, boolean logits, Optional<String> output) {
    private static final double WHOLE_RATE = 0.05;
    private static final double LOGITS_RATE = 0.2;

    /** Outputs that are no logits. */
    public TuneSettings(Tune tune) {
        this(tune, false, Optional.empty());
    }

    /** The same where weights are rounded and biases corrected already: what is left is to train. */
    TuneSettings afterRounding() {
        var rest = (ObjectNode) Json.tree(tune);
        rest.put("rounding", Rounding.NEAREST.word()).put("bias", false);
        return new TuneSettings(Json.MAPPER.convertValue(rest, Tune.class), logits, output);
    }

    /** What of the whole network is trained: nothing, biases or all. */
    Whole whole() {
        return tune.whole() != Whole.LOGITS ? tune.whole() : logits ? Whole.ALL : Whole.OFF;
    }

    /** Whether anything of the whole network is trained. */
    boolean trainsWhole() {
        return whole() != Whole.OFF;
    }

    /** How the whole network is trained: what pieces have left to do takes smaller steps. */
    Training wholeTraining(Training ofPieces) {
        return logits ? ofPieces.withLoss(Distance.KL).withRates(LOGITS_RATE) : ofPieces.withRates(WHOLE_RATE);
    }

    /** What of the whole network is trained. */
    Trainables wholeTrainables() {
        boolean all = whole() == Whole.ALL;
        return new Trainables(all ? Trainables.Weights.SHIFTED : Trainables.Weights.FIXED, true, all, all, false);
    }

    /** What of a piece is trained. */
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
