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

    /** Trains one piece of the rounded network. @param index of the piece, from 0 */
    record Piece(int index) implements TuningPhase {}

    /**
     * Adopts the trained pieces that were kept, then does what concerns the whole network.
     *
     * @param pieces folders that {@link TuningRun#savePiece} wrote to, in the order of the pieces
     */
    record Judging(List<Path> pieces) implements TuningPhase {}

    /** Everything in one run. */
    static TuningPhase all() {
        return new All();
    }
}
