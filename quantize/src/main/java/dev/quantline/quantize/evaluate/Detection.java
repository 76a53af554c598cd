package dev.quantline.quantize.evaluate;

/**
 * What a model found in a picture.
 *
 * @param label class, as the model counts them
 * @param score how sure the model is, larger is surer
 */
record Detection(int label, double score, Box box) {
    /** Whether it is one: rows that fill up an output of fixed size have no score, or a class below 0. */
    boolean isFound() {
        return label >= 0 && score > 0 && Double.isFinite(score) && box.isFinite();
    }
}
