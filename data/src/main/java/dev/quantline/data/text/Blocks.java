package dev.quantline.data.text;

import java.io.IOException;
import java.io.UncheckedIOException;

/** Cuts tokens into blocks of equal length, each starting with the tokens that begin a text; drops an incomplete last block. */
final class Blocks {
    private final int opening;
    private final long[] block;
    private final Taker taker;
    private int used;
    private int number;
    private long tokens;

    /** Takes a full block. */
    interface Taker {
        void take(int number, long[] ids) throws IOException;
    }

    Blocks(long[] opening, int length, Taker taker) {
        this.opening = opening.length;
        this.taker = taker;
        block = new long[length];
        System.arraycopy(opening, 0, block, 0, opening.length);
        used = opening.length;
    }

    void add(long[] ids) {
        tokens += ids.length;
        for (long id : ids) {
            block[used++] = id;
            if (used == block.length) {
                try {
                    taker.take(number++, block.clone());
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
                used = opening;
            }
        }
    }

    /** All tokens so far, those that fill no block included. */
    long tokens() {
        return tokens;
    }
}
