package dev.quantline.bench.robustness;

import ai.onnx.proto.OnnxMl.ModelProto;
import com.google.protobuf.InvalidProtocolBufferException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Mutated models and archives, each accepted, refused with a reason, or a failure. What they go through is a {@link Target}: for
 * now all that Java looks at before native code does.
 */
public final class Mutants {
    private static final Path FAILURES = Path.of("out", "bench", "mutants");
    /** Reasons printed of each kind of file. */
    private static final int REASONS = 12;

    private Mutants() {}

    /**
     * What became of all mutants of a kind.
     *
     * @param reasons how many were refused for each reason, without names and numbers
     * @param failed  files that made something fail, at most one for each fault
     */
    record Tally(
            Target target,
            int mutants,
            Map<Verdict.Kind, Integer> kinds,
            Map<String, Integer> reasons,
            List<String> failed,
            double seconds) {
        int count(Verdict.Kind kind) {
            return kinds.getOrDefault(kind, 0);
        }
    }

    /** Options: {@code --count N} of each kind (1000), {@code --seed S} (1). */
    public static void main(String... arguments) throws IOException {
        var options = new Options(List.of("--count", "--seed"), arguments);
        int count = options.number("count", 1000);
        int seed = options.number("seed", 1);
        System.out.println("| mutants | accepted | refused | failed | seconds |\n|---|---|---|---|---|");
        var tallies = List.of(print(of(Target.MODEL, count, seed), seed), print(of(Target.ARCHIVE, count, seed), seed));
        tallies.forEach(tally -> print(tally.reasons()));
        var failed = tallies.stream().flatMap(tally -> tally.failed().stream()).toList();
        if (!failed.isEmpty()) {
            throw new IllegalStateException("failures, kept in " + FAILURES + ": " + String.join("; ", failed));
        }
    }

    /** Makes and judges mutants of the inputs kept for a target, models or archives. */
    static Tally of(Target target, int count, long seed) throws IOException {
        var originals = Kept.good(target);
        var kinds = new EnumMap<Verdict.Kind, Integer>(Verdict.Kind.class);
        var reasons = new TreeMap<String, Integer>();
        var failed = new TreeMap<String, String>();
        long start = System.nanoTime();
        try (var trial = Trial.of(target)) {
            for (int i = 0; i < count; i++) {
                var mutant = mutant(target, originals, seed, i);
                var verdict = trial.judge(mutant);
                kinds.merge(verdict.kind(), 1, Integer::sum);
                if (verdict.kind() == Verdict.Kind.REFUSED) {
                    reasons.merge(pattern(verdict.reason()), 1, Integer::sum);
                }
                if (verdict.fault().isPresent()) {
                    String place = place(verdict.fault().get());
                    if (!failed.containsKey(place)) {
                        failed.put(place, target.label() + "-" + i + ": " + verdict.reason() + " in " + place);
                        Files.createDirectories(FAILURES);
                        Files.write(FAILURES.resolve(target.label() + "-" + i), mutant);
                    }
                }
            }
        }
        return new Tally(
                target, count, kinds, reasons, List.copyOf(failed.values()), (System.nanoTime() - start) / 1e9);
    }

    /** A model that has been made wrong; the same for the same numbers. */
    public static byte[] model(long seed, int index) throws IOException {
        return mutant(Target.MODEL, Kept.good(Target.MODEL), seed, index);
    }

    /** The same of an archive. */
    public static byte[] archive(long seed, int index) throws IOException {
        return mutant(Target.ARCHIVE, Kept.good(Target.ARCHIVE), seed, index);
    }

    static byte[] mutant(Target target, List<byte[]> originals, long seed, int index) {
        var choices = new Choices(new SplittableRandom(seed * 1_000_003 + index));
        var original = choices.of(originals);
        return target == Target.ARCHIVE ? ArchiveMutator.mutated(original, choices) : model(original, choices);
    }

    private static byte[] model(byte[] model, Choices choices) {
        try {
            return ModelMutator.mutated(ModelProto.parseFrom(model), choices).toByteArray();
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalStateException("a kept model cannot be parsed", e);
        }
    }

    private static String place(Throwable fault) {
        return Stream.of(fault.getStackTrace())
                .filter(frame -> frame.getClassName().startsWith("dev.quantline"))
                .findFirst()
                .map(StackTraceElement::toString)
                .orElse("nowhere known");
    }

    /** A reason without what is different in each file. */
    static String pattern(String reason) {
        String shortened = reason.replaceAll("'[^']*'", "'..'")
                .replaceAll("\\[[^\\]]*]", "[..]")
                .replaceAll("-?\\d+", "0");
        return shortened.substring(0, Math.min(100, shortened.length())).replace('\n', ' ');
    }

    private static Tally print(Tally tally, int seed) {
        System.out.printf(
                "| %d of %ss, seed %d | %d | %d | %d | %.1f |%n",
                tally.mutants(),
                tally.target().label(),
                seed,
                tally.count(Verdict.Kind.ACCEPTED),
                tally.count(Verdict.Kind.REFUSED),
                tally.count(Verdict.Kind.FAILED),
                tally.seconds());
        return tally;
    }

    /** The most frequent reasons. */
    static void print(Map<String, Integer> reasons) {
        var sorted = new ArrayList<>(reasons.entrySet());
        sorted.sort(Map.Entry.<String, Integer>comparingByValue().reversed());
        System.out.println();
        sorted.stream()
                .limit(REASONS)
                .forEach(reason -> System.out.printf("%6d %s%n", reason.getValue(), reason.getKey()));
    }
}
