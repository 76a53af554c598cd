package dev.quantline.embedded;

import java.io.IOException;

/** The file with the keys of the object store cannot be used, for instance because others can read it; the message says what to do. */
public final class UnusableKeys extends IOException {
    private static final long serialVersionUID = 1;

    UnusableKeys(String message) {
        super(message);
    }
}
