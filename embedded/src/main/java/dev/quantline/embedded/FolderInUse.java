package dev.quantline.embedded;

import java.io.IOException;
import java.nio.file.Path;

/** Another process holds the data folder, so no second broker may open it. */
public final class FolderInUse extends IOException {
    private static final long serialVersionUID = 1;

    FolderInUse(Path folder) {
        super("another stack already runs on " + folder.toAbsolutePath() + ": use that one, or stop it first");
    }
}
