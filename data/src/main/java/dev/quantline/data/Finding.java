package dev.quantline.data;

/** A finding about data for a model. */
public sealed interface Finding {
    /** One line for people: the array or input, the problem, and what to do. */
    String text();

    /** The model does not accept it, or its results would be meaningless. */
    record Wrong(String text) implements Finding {}

    /** May be meant so. */
    record Doubtful(String text) implements Finding {}
}
