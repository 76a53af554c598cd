package dev.quantline.plan;

import dev.quantline.onnx.BadInput;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.PatternSyntaxException;

/** Names of nodes and tensors that stay float: written out, or as globs in which {@code *} also crosses slashes. */
final class Excluded {
    private final Set<String> names;
    private final List<PathMatcher> globs = new ArrayList<>();

    /** @throws BadInput naming a pattern that is no glob */
    Excluded(List<String> patterns) {
        names = new HashSet<>(patterns);
        for (String pattern : patterns) {
            try {
                globs.add(FileSystems.getDefault().getPathMatcher("glob:" + plain(pattern)));
            } catch (PatternSyntaxException e) {
                throw new BadInput("exclude: '" + pattern + "' is not a name or a glob (" + e.getDescription() + ")", e);
            }
        }
    }

    /** Whether the name is written out. */
    boolean names(String name) {
        return names.contains(name);
    }

    /** Whether the name is written out or some glob fits it. */
    boolean has(String name) {
        return names(name) || globs.stream().anyMatch(glob -> glob.matches(Path.of(plain(name))));
    }

    /** Slashes of a name part no folders. */
    private static String plain(String name) {
        return name.replace('/', '∕').replace('\0', ' ');
    }
}
