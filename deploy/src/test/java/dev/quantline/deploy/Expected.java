package dev.quantline.deploy;

import dev.quantline.fixture.Checkout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

import static org.junit.jupiter.api.Assertions.assertEquals;

/** A committed file that is made by a program: compared, or written anew with {@code -Dquantline.rewrite=true}. */
record Expected(Path file) {
    private static final boolean REWRITE = Boolean.getBoolean("quantline.rewrite");

    static Expected at(Path file) {
        return new Expected(file);
    }

    void is(String content) throws IOException {
        if (REWRITE) {
            Files.createDirectories(file.getParent());
            Files.writeString(file, content);
            return;
        }
        assertEquals(
                Files.exists(file) ? Files.readString(file) : "",
                content,
                () -> Checkout.root().relativize(file) + ": see what changed; if it is what you want, rewrite it with"
                        + " ./quantline mvn -pl deploy -am test -Dquantline.rewrite=true -Dtest='dev.quantline.deploy.*Test'"
                        + " -Dsurefire.failIfNoSpecifiedTests=false");
    }
}
