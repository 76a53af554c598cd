package dev.quantline.quantize.evaluate;

/**
 * An object that a model detected in a picture.
 *
 * @param label class, numbered as by the model
 * @param score the model's confidence
 */
record Detection(int label, double score, Box box) {
    /** Whether it is a real detection: padding rows of a fixed-size output have no score, or a class below 0. */
    boolean isFound() {
        return label >= 0 && score > 0 && Double.isFinite(score) && box.isFinite();
    }
}
