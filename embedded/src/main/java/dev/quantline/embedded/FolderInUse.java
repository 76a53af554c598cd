package dev.quantline.embedded;

import java.io.IOException;
import java.nio.file.Path;

/** Another process holds a part of the data folder, so no second one may open it. */
public final class FolderInUse extends IOException {
    private static final long serialVersionUID = 1;

    FolderInUse(String part, Path folder) {
        super("another stack already runs its " + part + " on " + folder.toAbsolutePath()
                + ": use that one, or stop it first");
    }
}
