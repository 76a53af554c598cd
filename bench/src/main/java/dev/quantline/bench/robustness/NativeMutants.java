package dev.quantline.bench.robustness;

import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorShapeProto.Dimension;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.NpzWriter;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.pipeline.process.ChildProcesses;
import dev.quantline.pipeline.process.IsolatedStage;
import dev.quantline.pipeline.stage.Item;
import dev.quantline.pipeline.stage.OverLimit;
import dev.quantline.pipeline.stage.ProcessDied;
import dev.quantline.pipeline.stage.Scratch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * Mutated models through the profiler's work in a child process, as a service has it done: the official checker, the converter and ONNX
 * Runtime see what Java lets pass. A child may die, its parent and the canary may not. Archives need no such run: no native code reads
 * them.
 */
public final class NativeMutants {
    private static final Path FAILURES = Path.of("out", "bench", "native-mutants");
    private static final int SAMPLES = 4;
    /** Of an axis that a model leaves open, or says nonsense of. */
    private static final int OPEN = 2;

    private static final int LARGEST = 64;

    private NativeMutants() {}

    /** What became of a mutant. */
    private record End(String kind, String reason) {}

    /** Options: {@code --count N} (1000), {@code --seed S} (1). Exits with an exception if anything but a child failed. */
    public static void main(String... arguments) throws IOException {
        var options = new Options(List.of("--count", "--seed"), arguments);
        int count = options.number("count", 1000);
        int seed = options.number("seed", 1);
        var ends = new TreeMap<String, Integer>();
        var told = new TreeMap<String, String>();
        var reasons = new TreeMap<String, Integer>();
        long start = System.nanoTime();
        var originals = Kept.good(Target.MODEL);
        try (var sandbox = Sandbox.open();
                var children = new ChildProcesses(Scratch.open(Files.createTempDirectory("native-mutants")))) {
            for (int i = 0; i < count; i++) {
                var mutant = Mutants.mutant(Target.MODEL, originals, seed, i);
                var end = judge(sandbox, children, mutant, i);
                ends.merge(end.kind(), 1, Integer::sum);
                if (end.kind().equals("refused")) {
                    reasons.merge(Mutants.pattern(end.reason()), 1, Integer::sum);
                } else if (!end.kind().equals("accepted")) {
                    told.put("mutant " + i, end.kind() + ": " + end.reason());
                    Files.createDirectories(FAILURES);
                    Files.write(FAILURES.resolve("mutant-" + i), mutant);
                }
            }
        }
        System.out.printf("%d models, seed %d: %s in %.0f s%n", count, seed, ends, (System.nanoTime() - start) / 1e9);
        Mutants.print(reasons);
        told.forEach((mutant, end) -> System.out.println(mutant + " " + end));
        if (ends.containsKey("failed")) {
            throw new IllegalStateException("failures, kept in " + FAILURES);
        }
    }

    private static End judge(Sandbox sandbox, ChildProcesses children, byte[] mutant, int index) throws IOException {
        var model = sandbox.write("model.onnx", mutant);
        var data = model.resolveSibling("data.npz");
        Files.deleteIfExists(data);
        write(ModelProto.parseFrom(mutant), data, index);
        try {
            new IsolatedStage(new ProfiledModel(Provider.cpu()), "cpu:1", children)
                    .run(
                            Bare.context(
                                    Map.of(ProfiledModel.MODEL, List.of(model), ProfiledModel.DATA, List.of(data)),
                                    model.resolveSibling("results")),
                            Item.of("profile", true));
            sandbox.check();
            return new End("accepted", "");
        } catch (BadInput refused) {
            return Target.says(refused.getMessage())
                    ? new End("refused", refused.getMessage())
                    : new End("failed", "no reason: " + refused.getMessage());
        } catch (OverLimit over) {
            return new End("stopped at a limit", over.getMessage());
        } catch (ProcessDied died) {
            return new End("child died", died.getMessage());
        } catch (RuntimeException failure) {
            return new End("failed", failure + (failure.getCause() == null ? "" : " " + failure.getCause()));
        }
    }

    /** Samples for the inputs as the model declares them, as far as that makes sense. */
    private static void write(ModelProto model, Path file, long seed) throws IOException {
        var random = new SplittableRandom(seed);
        var constants = model.getGraph().getInitializerList().stream()
                .map(TensorProto::getName)
                .collect(Collectors.toSet());
        constants.addAll(model.getGraph().getNodeList().stream()
                .map(NodeProto::getOutputList)
                .flatMap(List::stream)
                .collect(Collectors.toSet()));
        try (var data = new NpzWriter(file)) {
            for (var input : model.getGraph().getInputList()) {
                if (!constants.contains(input.getName())) {
                    data.add(input.getName(), rows(input, random));
                }
            }
            data.finish();
        } catch (IllegalArgumentException twiceWithOtherShapes) {
            Files.write(file, new byte[0]);
        }
    }

    private static Tensor rows(ValueInfoProto input, SplittableRandom random) {
        var dims = input.getType().getTensorType().getShape().getDimList();
        long[] shape = dims.stream().mapToLong(NativeMutants::size).toArray();
        if (shape.length > 0) {
            shape[0] = SAMPLES;
        } else {
            shape = new long[] {SAMPLES};
        }
        int size = 1;
        for (long dim : shape) {
            size = Math.multiplyExact(size, (int) dim);
        }
        boolean whole = input.getType().getTensorType().getElemType() == TensorProto.DataType.INT64_VALUE;
        if (whole) {
            return Tensor.of(random.longs(size, 0, OPEN).toArray(), shape);
        }
        var values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = (float) random.nextDouble(-1, 1);
        }
        return Tensor.of(values, shape);
    }

    private static long size(Dimension dim) {
        return dim.getDimValue() > 0 && dim.getDimValue() <= LARGEST ? dim.getDimValue() : OPEN;
    }
}
