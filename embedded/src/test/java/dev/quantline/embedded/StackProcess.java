package dev.quantline.embedded;

import java.nio.file.Path;

/** A stack in a process of its own, for the tests to kill. */
final class StackProcess {
    private StackProcess() {}

    public static void main(String[] arguments) throws Exception {
        EmbeddedStack.start(Path.of(arguments[0]), EmbeddedStack.Ports.free());
        // Nobody refers to the stack from here on, and somebody asks who runs here: the folder has to stay locked.
        System.gc();
        DataFolder.running(Path.of(arguments[0]));
        Thread.currentThread().join();
    }
}
