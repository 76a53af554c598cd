package dev.quantline.console.command;

import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
        name = "completion",
        description = "prints a script that lets a shell complete commands and options",
        mixinStandardHelpOptions = true)
final class CompletionCommand implements Callable<Integer> {
    /** One script serves both: in zsh it turns completion of bash on. */
    private enum Shell {
        BASH,
        ZSH
    }

    @Parameters(paramLabel = "bash|zsh", description = "the shell")
    private Shell shell;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() {
        var root = spec.root();
        if (shell == Shell.ZSH) {
            System.out.println("autoload -Uz compinit && compinit");
        }
        AutoComplete.bash(root.name(), root.commandLine()).lines().forEach(System.out::println);
        return ExitCode.DONE;
    }
}
