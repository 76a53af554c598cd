package dev.quantline.onnx.runtime;

/**
 * A part of another progress.
 *
 * @param from   fraction of the whole where it begins
 * @param to     fraction of the whole where it ends
 * @param prefix prefix of all its messages
 * @param part   name of what is trained in it, unless a report names its own
 */
record ProgressPart(Progress whole, double from, double to, String prefix, String part) implements Progress {
    @Override
    public void report(double fraction, String message) {
        whole.report(from + (to - from) * fraction, prefix + message);
    }

    @Override
    public void report(double fraction, String message, Learning learning) {
        var named = new Learning(
                learning.part().isEmpty() ? part : learning.part(),
                learning.step(),
                learning.steps(),
                learning.loss(),
                learning.heldOut());
        whole.report(from + (to - from) * fraction, prefix + message, named);
    }
}
