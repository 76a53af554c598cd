package dev.quantline.quantize.settings;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * A component of the recipe's records, said once: {@link RecipeSchema} publishes it, {@link Standards} fills in what is not stated.
 * Types, words and whether a field is needed follow from the component's type; a primitive without a standard value is needed.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.RECORD_COMPONENT)
@interface Setting {
    /** What it does, in whole sentences. */
    String value();

    /** Its value where neither a request nor its preset states one: a word, or JSON; empty for none. */
    String standard() default "";

    /** Limits of a number. */
    double least() default Double.NEGATIVE_INFINITY;

    double above() default Double.NEGATIVE_INFINITY;

    double most() default Double.POSITIVE_INFINITY;

    /** A number that is allowed beside those within the limits; 0 for none. */
    int or() default 0;

    /** All numbers that are allowed; a list has at least one of them, and each once. */
    int[] of() default {};

    /** The pattern of text. */
    String form() default "";

    /** Whether true and false may stand for the object. */
    boolean switched() default false;
}
