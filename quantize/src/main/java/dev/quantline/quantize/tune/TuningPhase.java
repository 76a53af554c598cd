package dev.quantline.quantize.tune;

import java.nio.file.Path;
import java.util.List;

/**
 * What of tuning a {@link TuningRun} does. In the order {@link dev.quantline.quantize.settings.Order#ROUNDED} several machines share it:
 * all round and then train pieces, and one judges the whole.
 */
public sealed interface TuningPhase {
    /** Everything. */
    record All() implements TuningPhase {}

    /** What concerns the whole network before its pieces are rounded: biases. */
    record Preparing() implements TuningPhase {}

    /**
     * Rounds one piece of the network on its inputs in the float network.
     *
     * @param index of the piece, from 0
     */
    record Rounding(int index) implements TuningPhase {}

    /**
     * Trains one piece of the network as the phases before left it. The first sweep finds all pieces rounded.
     *
     * @param index  of the piece, from 0
     * @param before as {@link Judging} has them, of rounding and of all sweeps before
     */
    record Training(int index, List<Path> before) implements TuningPhase {}

    /**
     * Adopts the rounded and trained pieces that were kept, then does what concerns the whole network.
     *
     * @param pieces folders that {@link TuningRun#savePiece} wrote to, in the order of rounding, sweeps and pieces
     */
    record Judging(List<Path> pieces) implements TuningPhase {}

    /** Everything in one run. */
    static TuningPhase all() {
        return new All();
    }
}
