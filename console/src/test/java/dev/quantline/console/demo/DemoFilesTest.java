package dev.quantline.console.demo;

import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Npz;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Set;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

class DemoFilesTest {
    @TempDir
    Path folder;

    @Test
    void sentencesDependOnTheSeedAlone() {
        // Given the lists and templates of the program
        // When sentences are made twice with one seed and once with another
        var first = Sentences.load().generate(768, 1);
        var again = Sentences.load().generate(768, 1);
        var other = Sentences.load().generate(768, 2);
        // Then equal seeds agree, no slot stays open, and no sentence comes twice
        assertEquals(first, again);
        assertFalse(first.equals(other));
        assertEquals(768, Set.copyOf(first).size());
        assertTrue(first.stream().noneMatch(sentence -> sentence.contains("{")), first::toString);
    }

    @Test
    void withoutLabelledDataTheDemoTokenizesItsOwnSentences() throws Exception {
        // Given no folder of labelled data
        // When the files are prepared
        var files = DemoFiles.prepare(folder, folder.resolve("none"));
        // Then the network and int64 arrays of 64 tokens are there
        assertEquals("fidelity", files.metric());
        assertTrue(Files.size(files.model()) > 80_000_000, "the float network has 90 MB");
        try (var npz = new ZipFile(files.calibration().toFile())) {
            assertEquals(
                    List.of("input_ids.npy", "attention_mask.npy", "token_type_ids.npy"),
                    npz.stream().map(entry -> entry.getName()).toList());
            assertEquals(256 * 64 * 8 + 128, npz.getEntry("input_ids.npy").getSize());
        }
    }

    @Test
    void labelledPairsAtHandAreTaken() throws Exception {
        // Given labelled data of 600 pairs
        var labelled = Files.createDirectories(folder.resolve("stsb"));
        var sentences = Sentences.load().generate(1200, 1);
        var tokenizer = DemoFiles.prepare(folder, folder.resolve("none"))
                .model()
                .resolveSibling("all-minilm-l6-v2-tokenizer.json");
        Tokens.write(sentences, tokenizer, labelled.resolve("calibration.npz"));
        var scored = new LinkedHashMap<String, Tensor>();
        try (var tokens = Dataset.open(List.of(labelled.resolve("calibration.npz")))) {
            tokens.forEachBatch(0, 1200, 1200, batch -> scored.putAll(batch.arrays()));
        }
        scored.put("scores", Tensor.vector(new float[600]));
        Npz.write(labelled.resolve("validation.npz"), scored);
        // When the files are prepared
        var files = DemoFiles.prepare(folder.resolve("demo"), labelled);
        // Then all of them are measured
        assertEquals("pairs", files.metric());
        assertEquals(labelled.resolve("calibration.npz"), files.calibration());
        assertEquals(labelled.resolve("validation.npz"), files.evaluation());
        // And the tokenizer lies beside the network, for sentences of the user's own
        assertTrue(Files.exists(files.model().resolveSibling("all-minilm-l6-v2-tokenizer.json")));
    }

    @Test
    void tokensAreThoseOfTheNetworksVocabulary() throws Exception {
        // Given the network's tokenizer
        var tokenizer = DemoFiles.prepare(folder, folder.resolve("none"))
                .model()
                .resolveSibling("all-minilm-l6-v2-tokenizer.json");
        // When one sentence is written
        Tokens.write(List.of("A man with a hard hat is dancing."), tokenizer, folder.resolve("one.npz"));
        // Then its ids are those that the published tokenizer gives, padded with zeros
        try (var npz = new ZipFile(folder.resolve("one.npz").toFile());
                var in = npz.getInputStream(npz.getEntry("input_ids.npy"))) {
            var bytes = ByteBuffer.wrap(in.readAllBytes())
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .position(128)
                    .slice()
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .asLongBuffer();
            var ids = new long[13];
            bytes.get(ids);
            assertArrayEquals(new long[] {101, 1037, 2158, 2007, 1037, 2524, 6045, 2003, 5613, 1012, 102, 0, 0}, ids);
        }
    }
}
