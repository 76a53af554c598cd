package dev.quantline.bench.robustness;

import ai.onnx.proto.OnnxMl.ModelProto;
import java.io.IOException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class MutantsTest {
    private static final int COUNT = 1500;
    private static final long SEED = 7;

    private static Choices choices(long seed) {
        return new Choices(new SplittableRandom(seed));
    }

    @Test
    void mutantsAreAcceptedOrRefusedAndSomeAreEither() throws IOException {
        for (var target : List.of(Target.MODEL, Target.ARCHIVE)) {
            var tally = Mutants.of(target, COUNT, SEED);

            assertEquals(List.of(), tally.failed(), "seed " + SEED);
            assertTrue(tally.count(Verdict.Kind.ACCEPTED) > COUNT / 50, () -> target + ": " + tally.kinds());
            assertTrue(tally.count(Verdict.Kind.REFUSED) > COUNT / 5, () -> target + ": " + tally.kinds());
            assertTrue(tally.reasons().size() > 20, () -> tally.reasons().toString());
        }
    }

    @Test
    void theSameChoicesMakeTheSameMutantOthersMakeOthers() throws IOException {
        var archive = Kept.good(Target.ARCHIVE).getFirst();
        var model = ModelProto.parseFrom(Kept.good(Target.MODEL).getFirst());
        var models = new HashSet<ModelProto>();
        var archives = new HashSet<Integer>();
        for (int seed = 0; seed < 100; seed++) {
            var mutant = ModelMutator.mutated(model, choices(seed));
            models.add(mutant);
            archives.add(Arrays.hashCode(ArchiveMutator.mutated(archive, choices(seed))));

            assertEquals(mutant, ModelMutator.mutated(model, choices(seed)));
            assertArrayEquals(
                    ArchiveMutator.mutated(archive, choices(seed)), ArchiveMutator.mutated(archive, choices(seed)));
        }
        assertTrue(models.size() > 80, () -> models.size() + " models");
        assertTrue(archives.size() > 60, () -> archives.size() + " archives");
    }

    @Test
    void optionsAreNumbersByName() {
        var known = List.of("--count", "--seed");
        var options = new Options(known, "--count", "12");

        assertEquals(12, options.number("count", 1));
        assertEquals(1, options.number("seed", 1));
        for (var wrong : List.of("--cuont 1", "--count", "--count x")) {
            assertThrows(IllegalArgumentException.class, () -> new Options(known, wrong.split(" ")), wrong);
        }
    }
}
