package dev.quantline.data.text;

import dev.quantline.onnx.BadInput;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;

/**
 * A long text in pieces that are tokenized one by one, cut where a line begins that is not indented: no token of the usual vocabularies
 * reaches over such a place.
 */
final class Pieces {
    /** Characters after which a piece ends where it can. */
    private static final int LONG = 1 << 18;

    private static final int READ = 1 << 16;

    private Pieces() {}

    /** Hands out the pieces in order; together they are the text. */
    static void of(Path file, Consumer<String> action) throws IOException {
        of(file, LONG, action);
    }

    static void of(Path file, int longest, Consumer<String> action) throws IOException {
        var text = new StringBuilder();
        var buffer = new char[Math.min(READ, longest)];
        try (var in = Files.newBufferedReader(file)) {
            for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                text.append(buffer, 0, read);
                if (text.length() >= longest) {
                    int end = end(text);
                    action.accept(text.substring(0, end));
                    text.delete(0, end);
                }
            }
        } catch (CharacterCodingException e) {
            throw new BadInput(file + " is not UTF-8 text", e);
        }
        if (!text.isEmpty()) {
            action.accept(text.toString());
        }
    }

    private static int end(StringBuilder text) {
        int blank = 0;
        for (int i = text.length() - 1; i > 0; i--) {
            if (text.charAt(i - 1) == '\n' && !Character.isWhitespace(text.charAt(i))) {
                return i;
            }
            blank = blank == 0 && text.charAt(i) == ' ' ? i : blank;
        }
        return blank > 0
                ? blank
                : Character.isHighSurrogate(text.charAt(text.length() - 1)) ? text.length() - 1 : text.length();
    }
}
