package dev.quantline.onnx;

import java.util.HexFormat;
import java.util.function.IntPredicate;

/**
 * Text of a model, a data file or an event, made harmless for terminals, logs and pages. What steers a terminal, breaks a line, turns text
 * around or cannot be seen is written out as <code>&#92;uXXXX</code>, one for each UTF-16 unit: characters of the Unicode categories C, Zl
 * and Zp, lone surrogates among them, and letters and marks without a shape of their own. Everything else stays as it is, so that escaped
 * text stays the same when it is escaped again, and escaped JSON is the same JSON.
 */
public final class Escaped {
    /** Fillers, joiners and separators that are letters or marks by category: Default_Ignorable_Code_Point of the Unicode database. */
    private static final String SHAPELESS = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0";

    private Escaped() {}

    /** One line at most: line breaks and tabs are escaped, too. */
    public static String text(String raw) {
        return escaped(raw, Escaped::isHarmless);
    }

    /** Text that has lines of its own: line feeds and tabs stay. */
    public static String lines(String raw) {
        return escaped(raw, character -> character == '\n' || character == '\t' || isHarmless(character));
    }

    private static String escaped(String raw, IntPredicate kept) {
        if (raw.codePoints().allMatch(kept)) {
            return raw;
        }
        var text = new StringBuilder();
        raw.codePoints().forEach(character -> {
            if (kept.test(character)) {
                text.appendCodePoint(character);
            } else {
                for (char unit : Character.toChars(character)) {
                    text.append("\\u").append(HexFormat.of().toHexDigits(unit));
                }
            }
        });
        return text.toString();
    }

    private static boolean isHarmless(int character) {
        return switch (Character.getType(character)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.SURROGATE,
                    Character.PRIVATE_USE,
                    Character.UNASSIGNED,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR -> false;
            default -> SHAPELESS.indexOf(character) < 0;
        };
    }
}
