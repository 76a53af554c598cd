package dev.quantline.console.display;

import dev.quantline.onnx.Escaped;
import java.io.PrintStream;

/**
 * A standard stream whose text is harmless: each string printed is one line at most, with only tabs in it that are not seen as they are.
 * What is written as bytes passes as it is: that is how a display sends its own colours and movements, and a logger its lines.
 */
public final class EscapedStream extends PrintStream {
    private EscapedStream(PrintStream terminal) {
        super(terminal, true, terminal.charset());
    }

    /** Puts both standard streams of this process behind one, once. */
    public static void guardStandardStreams() {
        System.setOut(around(System.out));
        System.setErr(around(System.err));
    }

    private static PrintStream around(PrintStream terminal) {
        return terminal instanceof EscapedStream ? terminal : new EscapedStream(terminal);
    }

    @Override
    public void print(String text) {
        super.print(Escaped.lines(String.valueOf(text)).replace("\n", "\\u000a"));
    }

    @Override
    public void print(Object value) {
        print(String.valueOf(value));
    }

    @Override
    public void print(char[] text) {
        print(String.valueOf(text));
    }

    @Override
    public void print(char character) {
        print(String.valueOf(character));
    }
}
