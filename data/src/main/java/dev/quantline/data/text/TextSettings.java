package dev.quantline.data.text;

import dev.quantline.data.Subset;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * How texts are to be made into arrays; what is empty is found or has a default.
 *
 * @param length tokens of a sample
 * @param blocks whether the text is one, cut in blocks that are full: for language models
 * @param text   column of a table with single texts
 * @param first  column with the first text of a pair
 * @param second column with the second
 * @param joint  whether the two texts of a pair are one sequence, for models that read both at once
 * @param score  column of numbers, one a pair
 * @param label  column of class names or numbers
 * @param ids    the model's input of token numbers, where it is called something else than input_ids
 * @param padded whether texts are padded for a model that takes no mask, too; else short ones are left out
 * @param subset which samples are taken
 */
public record TextSettings(
        OptionalInt length,
        boolean blocks,
        Optional<String> text,
        Optional<String> first,
        Optional<String> second,
        boolean joint,
        Optional<String> score,
        Optional<String> label,
        Optional<String> ids,
        boolean padded,
        Subset subset) {
    /** Everything found or by default. */
    public static TextSettings plain() {
        return new TextSettings(
                OptionalInt.empty(),
                false,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                false,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                false,
                new Subset(0, 0));
    }
}
