package dev.quantline.pipeline.job;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import dev.quantline.onnx.BadInput;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.regex.Pattern;

/**
 * An object of the store, or all objects below a key: {@code s3://bucket/key}. A key holds no empty, {@code .} or
 * {@code ..} segment, so it can neither leave its prefix nor a local folder it is downloaded into.
 */
public record ObjectRef(String bucket, String key) {
    private static final Pattern BUCKET = Pattern.compile("[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]");
    private static final String SCHEME = "s3://";
    /** Of UTF-8; S3 takes no longer key. */
    private static final int MOST_BYTES = 1024;

    public ObjectRef {
        if (!BUCKET.matcher(bucket).matches()) {
            throw new BadInput("not a bucket name: " + bucket);
        }
        if (key.getBytes(StandardCharsets.UTF_8).length > MOST_BYTES) {
            throw new BadInput("an object's key has at most " + MOST_BYTES + " bytes, and this one more: "
                    + key.substring(0, 60) + "...");
        }
        var path = key.endsWith("/") ? key.substring(0, key.length() - 1) : key;
        var climbs = Arrays.stream(path.split("/", -1)).anyMatch(s -> s.isEmpty() || s.equals(".") || s.equals(".."));
        if (climbs || key.indexOf('\\') >= 0 || key.chars().anyMatch(Character::isISOControl)) {
            throw new BadInput("not an object key (empty, '.' or '..' segments, backslashes and control characters "
                    + "are refused): " + key);
        }
    }

    /**
     * Reads {@code s3://bucket/key}.
     *
     * @throws BadInput when the text has another form or the key climbs out of its prefix
     */
    @JsonCreator
    public static ObjectRef parse(String text) {
        var slash = isOne(text) ? text.indexOf('/', SCHEME.length()) : -1;
        if (slash < 0) {
            throw new BadInput("not a reference of the form s3://bucket/key: " + text);
        }
        return new ObjectRef(text.substring(SCHEME.length(), slash), text.substring(slash + 1));
    }

    /** Whether a text is meant as a reference. */
    public static boolean isOne(String text) {
        return text.startsWith(SCHEME);
    }

    /** The last segment of the key. */
    public String name() {
        return key.substring(key.lastIndexOf('/', key.length() - 2) + 1);
    }

    /**
     * The object at a path below this one's folder.
     *
     * @throws BadInput when the path leaves the folder
     */
    public ObjectRef beside(String path) {
        return new ObjectRef(bucket, key.substring(0, key.lastIndexOf('/') + 1) + path);
    }

    @JsonValue
    @Override
    public String toString() {
        return SCHEME + bucket + "/" + key;
    }
}
