package dev.quantline.data.text;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quantline.onnx.BadInput;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.IntStream;

/** A Hugging Face {@code tokenizer.json}, read by the library that trained it. Nothing is downloaded or reported. */
public final class TokenizerFile implements AutoCloseable {
    /** Vocabularies of a million tokens have 50 MB. */
    private static final long LARGEST = 512L << 20;

    private static final List<String> PADDING =
            List.of("[PAD]", "<pad>", "<|pad|>", "<|endoftext|>", "</s>", "<|end_of_text|>");

    static {
        // The library would report its use where it runs in a certain cloud, and download a build for graphics cards
        // where it finds one.
        setUnlessSet("OPT_OUT_TRACKING", "true");
        setUnlessSet("RUST_FLAVOR", "cpu");
    }

    private final HuggingFaceTokenizer tokenizer;
    private final JsonNode json;

    private TokenizerFile(HuggingFaceTokenizer tokenizer, JsonNode json) {
        this.tokenizer = tokenizer;
        this.json = json;
    }

    /**
     * One text as tokens.
     *
     * @param ids   numbers of the tokens
     * @param types which of two texts each belongs to, 0 or 1
     * @param cut   whether it had more
     */
    record Tokens(long[] ids, long[] types, boolean cut) {}

    /**
     * Reads the file.
     *
     * @param longest tokens, special ones included, that texts are cut to; empty for no limit
     * @throws BadInput naming the file when it is no tokenizer
     */
    public static TokenizerFile open(Path file, OptionalInt longest) throws IOException {
        if (!Files.isRegularFile(file) || !Files.isReadable(file)) {
            throw new BadInput(file + ": no such file, or it cannot be read");
        }
        if (Files.size(file) > LARGEST) {
            throw new BadInput("%s has %d bytes, more than the limit of %d for a tokenizer"
                    .formatted(file, Files.size(file), LARGEST));
        }
        var bytes = Files.readAllBytes(file);
        var options = new HashMap<>(Map.of("padding", "false", "truncation", String.valueOf(longest.isPresent())));
        longest.ifPresent(tokens -> options.put("maxLength", String.valueOf(tokens)));
        try {
            var json = new ObjectMapper().readTree(bytes);
            return new TokenizerFile(HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(bytes), options), json);
        } catch (JsonProcessingException e) {
            throw new BadInput(
                    file + " is not JSON: a tokenizer is the file tokenizer.json of a model on Hugging Face", e);
        } catch (RuntimeException e) {
            throw new BadInput(file + " is not a readable tokenizer.json: " + e.getMessage(), e);
        }
    }

    private static void setUnlessSet(String property, String value) {
        if (System.getProperty(property) == null) {
            System.setProperty(property, value);
        }
    }

    /** Several texts as tokens, special ones included. */
    List<Tokens> encode(List<String> texts) {
        return Arrays.stream(tokenizer.batchEncode(texts))
                .map(TokenizerFile::tokens)
                .toList();
    }

    /** Two texts as one sequence. */
    Tokens encode(String first, String second) {
        return tokens(tokenizer.encode(first, second));
    }

    /** A text without the special tokens around it; those that are written in it are recognised. */
    long[] encodeBare(String text) {
        return tokenizer.encode(text, false, false).getIds();
    }

    private static Tokens tokens(Encoding encoding) {
        return new Tokens(encoding.getIds(), encoding.getTypeIds(), encoding.exceedMaxLength());
    }

    /** The text of tokens, special ones included. */
    public String decode(long[] ids) {
        return tokenizer.decode(ids, false);
    }

    /** Special tokens that begin a text, where nothing ends it: those of a tokenizer for language models. */
    long[] opening() {
        var empty = tokenizer.encode("");
        return json.path("post_processor").isObject() && empty.getIds().length == 1 ? empty.getIds() : new long[0];
    }

    /** What a text is filled up with; empty where the file names nothing of the kind. */
    OptionalInt padding() {
        if (json.path("padding").path("pad_id").isInt()) {
            return OptionalInt.of(json.path("padding").path("pad_id").intValue());
        }
        return PADDING.stream()
                .flatMapToInt(name -> IntStream.of(idOf(name)))
                .filter(id -> id >= 0)
                .findFirst();
    }

    private int idOf(String token) {
        for (var added : json.path("added_tokens")) {
            if (added.path("content").asText().equals(token)) {
                return added.path("id").asInt(-1);
            }
        }
        return json.path("model").path("vocab").path(token).asInt(-1);
    }

    /** Which of two texts padding counts as. */
    int paddingType() {
        return json.path("padding").path("pad_type_id").asInt(0);
    }

    /** Whether padding stands before the text. */
    boolean padsLeft() {
        return json.path("padding").path("direction").asText().equals("Left");
    }

    /** Tokens that the file itself cuts texts to. */
    OptionalInt longest() {
        var longest = json.path("truncation").path("max_length");
        return longest.isInt() ? OptionalInt.of(longest.intValue()) : OptionalInt.empty();
    }

    @Override
    public void close() {
        tokenizer.close();
    }
}
