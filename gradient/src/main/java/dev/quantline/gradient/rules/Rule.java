package dev.quantline.gradient.rules;

/** How gradients pass backward through one operator: one row of {@link Rules}. */
@FunctionalInterface
public interface Rule {
    /** Gives the gradient of every input that {@code context} wants, from the gradients of its outputs. */
    void backward(BackwardContext context);
}
