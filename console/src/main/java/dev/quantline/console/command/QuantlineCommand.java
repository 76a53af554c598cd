package dev.quantline.console.command;

import dev.quantline.console.client.Unreachable;
import dev.quantline.console.display.EscapedStream;
import dev.quantline.console.dist.Platform;
import dev.quantline.console.process.CtrlC;
import dev.quantline.embedded.FolderInUse;
import dev.quantline.embedded.UnusableKeys;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ClosestName;
import dev.quantline.pipeline.store.StoreUnavailable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.logging.Level;
import java.util.logging.Logger;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The command line as a whole: the list of commands and the handling of failures. */
@Command(
        name = "quantline",
        description = "Quantizes float ONNX models.%n",
        synopsisSubcommandLabel = "COMMAND",
        mixinStandardHelpOptions = true,
        versionProvider = QuantlineCommand.Version.class,
        subcommands = {
            DemoCommand.class,
            QuantizeCommand.class,
            UpCommand.class,
            PrepareCommand.class,
            SubmitCommand.class,
            WatchCommand.class,
            CancelCommand.class,
            JobsCommand.class,
            AllocateCommand.class,
            InspectCommand.class,
            DataCommand.class,
            ExplainCommand.class,
            DoctorCommand.class,
            CompareCommand.class,
            CompletionCommand.class,
            DistCommand.class,
            CommandLine.HelpCommand.class
        },
        footer = {
            "  test      builds and runs every test of the project",
            "  bench     lists the benches, or builds and runs the one that is named",
            "  mvn       Maven on this project, with a JDK that suits it"
        })
public final class QuantlineCommand implements Runnable {
    private static final int HELP_WIDTH = 120;

    @Spec
    private CommandSpec spec;

    /** Runs one command line and returns its exit code; failures go to standard error, one line each. */
    public static int execute(String... arguments) {
        EscapedStream.guardStandardStreams();
        // Before Quarkus configures logging everything would be kept for later, traces included; clients tell their
        // failures by exceptions.
        Logger.getLogger("").setLevel(Level.OFF);
        try {
            Platform.current().supported();
        } catch (BadInput refused) {
            say(refused.getMessage());
            return ExitCode.UNUSABLE;
        }
        return new CommandLine(new QuantlineCommand())
                .setUsageHelpWidth(HELP_WIDTH)
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setParameterExceptionHandler(QuantlineCommand::refuse)
                .setExecutionExceptionHandler(QuantlineCommand::explain)
                .execute(arguments);
    }

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "no command given");
    }

    private static int refuse(ParameterException failure, String[] arguments) {
        var command = failure.getCommandLine();
        say("%s%s; see ./%s --help"
                .formatted(
                        failure.getMessage(),
                        meant(command),
                        command.getCommandSpec().qualifiedName()));
        return ExitCode.UNUSABLE;
    }

    /** The option or command that the first unknown word was meant to be; a misspelt option also explains one that is missing. */
    private static String meant(CommandLine command) {
        var spec = command.getCommandSpec();
        return command.getUnmatchedArguments().stream()
                .findFirst()
                .flatMap(word -> ClosestName.to(
                                word.replaceFirst("=.*", ""),
                                word.startsWith("-")
                                        ? spec.optionsMap().keySet()
                                        : spec.subcommands().keySet())
                        .map(name -> ": '" + word + "' is unknown, did you mean '" + name + "'?"))
                .orElse("");
    }

    private static int explain(Exception failure, CommandLine command, CommandLine.ParseResult parsed) {
        if (CtrlC.isUnderWay()) {
            return ExitCode.FAILED;
        }
        return switch (failure) {
            case BadInput _, Unreachable _, StoreUnavailable _, FolderInUse _, UnusableKeys _ -> {
                say(failure.getMessage());
                yield ExitCode.UNUSABLE;
            }
            case IOException _ -> {
                say("%s: %s"
                        .formatted(
                                failure.getClass().getSimpleName().replace("IOException", "input/output"),
                                failure.getMessage()));
                yield ExitCode.FAILED;
            }
            default -> {
                failure.printStackTrace();
                say("this is a bug in Quantline, please report it with the lines above");
                yield ExitCode.FAILED;
            }
        };
    }

    private static void say(String message) {
        System.err.println("quantline: " + message.strip());
    }

    /** The version of the build, from a filtered resource. */
    static String version() throws IOException {
        try (var in = QuantlineCommand.class.getResourceAsStream("/dev/quantline/console/version.txt")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).strip();
        }
    }

    /** For {@code --version}. */
    static final class Version implements CommandLine.IVersionProvider {
        @Override
        public String[] getVersion() throws IOException {
            return new String[] {"quantline " + version()};
        }
    }
}
