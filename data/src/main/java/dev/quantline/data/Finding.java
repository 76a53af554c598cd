package dev.quantline.data;

/** What was found of data that a model is to take. */
public sealed interface Finding {
    /** One line for people: the array or input, what of it, and what to do. */
    String text();

    /** The model cannot take it so, or what it would compute means nothing. */
    record Wrong(String text) implements Finding {}

    /** May be meant so. */
    record Doubtful(String text) implements Finding {}
}
