package dev.quantline.bench.robustness;

import dev.quantline.onnx.runtime.Provider;
import dev.quantline.pipeline.process.ChildProcesses;
import dev.quantline.pipeline.process.IsolatedStage;
import dev.quantline.pipeline.stage.Item;
import dev.quantline.pipeline.stage.Outcome;
import dev.quantline.pipeline.stage.Scratch;
import dev.quantline.pipeline.stage.StageContext;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** What an item costs more because its work is done in a child process that waits for it: an item without work, there and back. */
public final class IsolationCost {
    private static final double NANOS = 1e6;

    private IsolationCost() {}

    /** Leaves one small file. */
    static final class Nothing extends BareStage {
        Nothing(Provider provider) {}

        @Override
        public Outcome run(StageContext context, Item item) throws IOException {
            var file = Files.writeString(context.work().resolve("nothing"), item.name());
            return new Outcome.Done(Map.of("nothing", file), Json.MAPPER.nullNode());
        }
    }

    /** Options: {@code --items N} (200). */
    public static void main(String... arguments) throws IOException {
        int items = new Options(List.of("--items"), arguments).number("items", 200);
        var folder = Files.createTempDirectory("isolation");
        var here = new Nothing(Provider.cpu());
        try (var children = new ChildProcesses(Scratch.open(folder.resolve("scratch")))) {
            long begun = System.nanoTime();
            var there = new IsolatedStage(here, "cpu", children);
            there.run(Bare.context(Map.of(), folder.resolve("results")), Item.of("first", true));
            System.out.printf("starting a child: %.0f ms%n", (System.nanoTime() - begun) / NANOS);
            var alone = new double[items];
            var isolated = new double[items];
            for (int i = 0; i < items; i++) {
                long start = System.nanoTime();
                here.run(Bare.context(Map.of(), folder.resolve("results")), Item.of("item", true));
                long between = System.nanoTime();
                there.run(Bare.context(Map.of(), folder.resolve("results")), Item.of("item", true));
                alone[i] = (between - start) / NANOS;
                isolated[i] = (System.nanoTime() - between) / NANOS;
            }
            Arrays.sort(alone);
            Arrays.sort(isolated);
            System.out.printf(
                    "an item in the same process: %.2f ms; in a child: %.2f ms, 99 of 100 within %.2f ms%n",
                    alone[items / 2], isolated[items / 2], isolated[items * 99 / 100]);
        }
    }
}
