package dev.quantline.console.demo;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Npz;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.LongStream;

/** Sentences as the three token inputs of a BERT-like network, each int64 {@code [sentences, LENGTH]}. */
final class Tokens {
    /** Tokens a sentence, cut or padded to it. */
    static final int LENGTH = 64;

    private Tokens() {}

    /** Tokenizes with the vocabulary of a {@code tokenizer.json} and writes an {@code .npz} of one array per input. */
    static void write(List<String> sentences, Path tokenizerFile, Path target) throws IOException {
        var settings = Map.of("maxLength", String.valueOf(LENGTH), "truncation", "true", "padding", "MAX_LENGTH");
        try (var tokenizer = HuggingFaceTokenizer.newInstance(tokenizerFile, settings)) {
            var encodings = List.of(tokenizer.batchEncode(sentences));
            var inputs = new LinkedHashMap<String, Tensor>();
            inputs.put("input_ids", stack(encodings, Encoding::getIds));
            inputs.put("attention_mask", stack(encodings, Encoding::getAttentionMask));
            inputs.put("token_type_ids", stack(encodings, Encoding::getTypeIds));
            Npz.write(target, inputs);
        }
    }

    private static Tensor stack(List<Encoding> encodings, Function<Encoding, long[]> column) {
        var ids = encodings.stream().map(column).flatMapToLong(LongStream::of).toArray();
        return Tensor.of(ids, encodings.size(), LENGTH);
    }
}
