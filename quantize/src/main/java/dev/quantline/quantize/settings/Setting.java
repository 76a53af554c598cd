package dev.quantline.quantize.settings;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Everything about a component of the recipe's records in one place: {@link RecipeSchema} publishes it, {@link Standards} fills in
 * defaults. Types, words and whether a field is required follow from the component's type; a primitive without a default is
 * required.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.RECORD_COMPONENT)
@interface Setting {
    /** Its description, in full sentences. */
    String value();

    /** Its value if neither a request nor its preset states one: a word, or JSON; empty for none. */
    String standard() default "";

    /** Limits of a number. */
    double least() default Double.NEGATIVE_INFINITY;

    double above() default Double.NEGATIVE_INFINITY;

    double most() default Double.POSITIVE_INFINITY;

    /** A number that is allowed besides those within the limits; 0 for none. */
    int or() default 0;

    /** All allowed numbers; a list contains at least one of them, each once. */
    int[] of() default {};

    /** The pattern that text must match. */
    String form() default "";

    /** Whether true and false may replace the object. */
    boolean switched() default false;
}
