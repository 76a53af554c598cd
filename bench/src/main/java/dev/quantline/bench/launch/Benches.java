package dev.quantline.bench.launch;

import dev.quantline.bench.allocate.MixedBench;
import dev.quantline.bench.allocate.ProgramBench;
import dev.quantline.bench.calibrate.CalibrationCost;
import dev.quantline.bench.calibrate.Clipping;
import dev.quantline.bench.calibrate.ProfilingMemory;
import dev.quantline.bench.calibrate.StoredWeights;
import dev.quantline.bench.chaos.Chaos;
import dev.quantline.bench.chaos.Soak;
import dev.quantline.bench.export.BertBase;
import dev.quantline.bench.export.Convolutions;
import dev.quantline.bench.gpu.Gpu;
import dev.quantline.bench.gradient.StepBench;
import dev.quantline.bench.gradient.TrainingBench;
import dev.quantline.bench.images.Images;
import dev.quantline.bench.robustness.Fuzz;
import dev.quantline.bench.robustness.IsolationCost;
import dev.quantline.bench.robustness.Mutants;
import dev.quantline.bench.robustness.NativeMutants;
import dev.quantline.bench.scale.LargeModel;
import dev.quantline.bench.scale.Replicas;
import dev.quantline.bench.scale.Scale;
import dev.quantline.bench.tune.Mosaics;
import dev.quantline.bench.tune.QuantTune;
import dev.quantline.bench.tune.StepCost;
import dev.quantline.onnx.ClosestName;
import java.io.PrintStream;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** {@code ./quantline bench}: alone it lists the benches, with a name it runs one. */
public final class Benches {
    /** Every bench there is. */
    static final List<Bench> ALL = List.of(
            new Bench(
                    ProfilingMemory.class,
                    ProfilingMemory::main,
                    "MODEL DATA.npz COUNT...",
                    "peak memory of profiling against the number of samples"),
            new Bench(
                    CalibrationCost.class,
                    CalibrationCost::main,
                    "MODEL DATA.npz SAMPLES ROUNDS",
                    "time of statistics and range searches beside the forward passes they need"),
            new Bench(
                    dev.quantline.bench.calibrate.Ablation.class,
                    dev.quantline.bench.calibrate.Ablation::main,
                    "MODEL FOLDER METRIC VALIDATED W/A... [ROW...]",
                    "what each choice of calibration is worth alone"),
            new Bench(
                    Clipping.class,
                    Clipping::main,
                    "MODEL FOLDER SAMPLES BITS...",
                    "what each range criterion cuts off, by kinds of activations"),
            new Bench(
                    StoredWeights.class,
                    StoredWeights::main,
                    "MODEL DATA.npz BITS...",
                    "what few bits do to weights that only float kernels read"),
            new Bench(
                    ProgramBench.class,
                    ProgramBench::main,
                    "[LAYERS] [TABLES]",
                    "time of the integer program that allocates bits"),
            new Bench(
                    MixedBench.class,
                    MixedBench::main,
                    "MODEL CALIBRATION.npz VALIDATION.npz METRIC SIZE...",
                    "mixed widths against uniform ones, nothing trained"),
            new Bench(
                    StepBench.class,
                    StepBench::main,
                    "[BATCH] [TOKENS] [REPETITIONS] [PROVIDER]",
                    "one training step of all-MiniLM-L6-v2 against inference of the same batch"),
            new Bench(
                    TrainingBench.class,
                    TrainingBench::main,
                    "[resnet20|vit] [SHARED] [STEPS]",
                    "training on CIFAR-10, with its curves as pictures in out/bench"),
            new Bench(
                    dev.quantline.bench.tune.Ablation.class,
                    dev.quantline.bench.tune.Ablation::main,
                    "MODEL FOLDER METRIC VALIDATED W/A SAMPLES STEPS [ROW...]",
                    "what each method and knob of tuning is worth"),
            new Bench(
                    QuantTune.class,
                    QuantTune::main,
                    "MODEL FOLDER LOSS METRIC VALIDATED WIDTHS EPOCHS STEPS LAMBDAS K RATE",
                    "what outlier-driven fine-tuning is worth beside its control"),
            new Bench(
                    StepCost.class,
                    StepCost::main,
                    "MODEL FOLDER STEPS TURNS",
                    "time of a step of block reconstruction against inference"),
            new Bench(
                    Mosaics.class,
                    Mosaics::main,
                    "FROM TO INPUT PICTURES",
                    "no bench: makes data of 64 x 64 pixels for networks that make pictures larger"),
            new Bench(
                    LargeModel.class,
                    LargeModel::main,
                    "LAYERS SERVICE-MB WEIGHTS-MB RECIPE",
                    "memory of each service for a model that does not fit in it; needs root"),
            new Bench(
                    BertBase.class,
                    BertBase::main,
                    "FOLDER TOKENS SAMPLES",
                    "no bench: writes a network of BERT-base's shape and samples of full length for it"),
            new Bench(
                    Convolutions.class,
                    Convolutions::main,
                    "",
                    "where integer convolutions are faster than float ones"),
            new Bench(
                    Fuzz.class,
                    Fuzz::main,
                    "[--minutes M] [--seed S]",
                    "coverage-guided fuzzing of everything that reads files, requests and events"),
            new Bench(
                    Mutants.class,
                    Mutants::main,
                    "[--count N] [--seed S]",
                    "mutated models and archives: accepted, refused with a reason, or a failure"),
            new Bench(
                    NativeMutants.class,
                    NativeMutants::main,
                    "[--count N] [--seed S]",
                    "mutated models through the profiler's work in a child process, native code included"),
            new Bench(
                    IsolationCost.class,
                    IsolationCost::main,
                    "[--items N]",
                    "what it costs an item that its work is done in a child process"),
            new Bench(
                    Gpu.class,
                    Gpu::main,
                    "[STEPS] [PROVIDER] [MODEL DATA.npz]",
                    "a training step, calibration and a job on a GPU against the processor"),
            new Bench(
                    Chaos.class,
                    Chaos::main,
                    "[--jobs N] [--minutes M] [--kills K] [--seed S]",
                    "small jobs while services, broker and store are killed: none may be lost or come out differently"),
            new Bench(
                    Scale.class,
                    Scale::main,
                    "MODEL DATA.npz RECIPE [NORMALIZE.json]",
                    "one job on the services, its items replayed on 1 to 256 replicas"),
            new Bench(
                    Replicas.class,
                    Replicas::main,
                    "MODEL DATA.npz RECIPE [NORMALIZE.json]",
                    "one job on one and on two calibrators and tuners, with one core each: ratio, and whether bytes agree"),
            new Bench(
                    Images.class,
                    Images::main,
                    "ARCHIVE...",
                    "container images of services, each started in its own root folder: size, start and idle memory"),
            new Bench(
                    Soak.class,
                    Soak::main,
                    "[--jobs N] [--mutants M] [--batch B] [--seed S]",
                    "many small jobs, and mutants between them: memory, time between the stages, and what becomes of each"));

    private Benches() {}

    /** Arguments: a bench's name and its arguments, or nothing. Exits with 2 where they are not understood. */
    public static void main(String[] arguments) throws Exception {
        int status = run(Arrays.asList(arguments), System.out, System.err);
        if (status != 0) {
            System.exit(status);
        }
    }

    /** By the whole name, or the last part of it where only one bench is called so. */
    private static Optional<Bench> find(String name) {
        var whole = ALL.stream().filter(bench -> bench.name().equals(name)).findFirst();
        var last = ALL.stream()
                .filter(bench -> bench.type().getSimpleName().equalsIgnoreCase(name))
                .toList();
        return whole.isPresent() || last.size() != 1 ? whole : Optional.of(last.getFirst());
    }

    /** @return the exit code; what the bench itself prints goes to standard output */
    static int run(List<String> words, PrintStream out, PrintStream err) throws Exception {
        if (words.isEmpty() || words.getFirst().equals("--help")) {
            int width =
                    ALL.stream().mapToInt(bench -> bench.name().length()).max().orElseThrow();
            ALL.forEach(bench -> out.printf("%-" + width + "s  %s%n", bench.name(), bench.purpose()));
            return 0;
        }
        var name = words.getFirst();
        var found = find(name);
        if (found.isEmpty()) {
            var hint = ClosestName.to(name, ALL.stream().map(Bench::name).toList())
                    .map(closest -> "did you mean '" + closest + "'?")
                    .orElse("./quantline bench lists them");
            err.printf("quantline: no bench is called '%s': %s%n", name, hint);
            return 2;
        }
        var bench = found.get();
        var given = words.subList(1, words.size());
        if (given.contains("--help")) {
            out.printf("./quantline bench %s%n%s%n", bench.usage(), bench.purpose());
            return 0;
        }
        if (!bench.isEnough(given)) {
            err.printf("quantline: %s needs more arguments: ./quantline bench %s%n", bench.name(), bench.usage());
            return 2;
        }
        bench.program().run(given.toArray(String[]::new));
        return 0;
    }
}
