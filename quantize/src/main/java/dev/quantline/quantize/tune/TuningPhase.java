package dev.quantline.quantize.tune;

import java.nio.file.Path;
import java.util.List;

/**
 * What of tuning a {@link TuningRun} does. In the order {@link dev.quantline.quantize.settings.Order#ROUNDED} several machines share it:
 * one rounds, all train pieces, and one judges the whole.
 */
public sealed interface TuningPhase {
    /** Everything. */
    record All() implements TuningPhase {}

    /** All that comes before training: biases, and the rounding of one piece after the other. */
    record Rounding() implements TuningPhase {}

    /** How often all pieces are trained, each time with an equal share of the steps. */
    int SWEEPS = 2;

    /**
     * Trains one piece of the network as the sweeps before left it. The first sweep finds all pieces rounded.
     *
     * @param index  of the piece, from 0
     * @param before as {@link Judging} has them, of all sweeps before
     */
    record Piece(int index, List<Path> before) implements TuningPhase {}

    /**
     * Adopts the trained pieces that were kept, then does what concerns the whole network.
     *
     * @param pieces folders that {@link TuningRun#savePiece} wrote to, in the order of sweeps and pieces
     */
    record Judging(List<Path> pieces) implements TuningPhase {}

    /** Everything in one run. */
    static TuningPhase all() {
        return new All();
    }
}
