package dev.quantline.pipeline.store;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/** Small objects that are created once and never changed, as this process has read them. Thread-safe. */
public final class Settled {
    /** A few for each of a few dozen jobs. */
    private static final int MOST = 256;

    /** By key, those used last. */
    private final Map<String, Object> objects = Collections.synchronizedMap(new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Object> eldest) {
            return size() > MOST;
        }
    });

    /**
     * What was read before, or else what the reader gives, which is remembered unless it is absent or cannot be read.
     *
     * @param reader always the same for a key
     */
    @SuppressWarnings("unchecked")
    public <T> Optional<T> read(String key, Supplier<Optional<T>> reader) {
        var known = (T) objects.get(key);
        if (known != null) {
            return Optional.of(known);
        }
        var read = reader.get();
        read.ifPresent(value -> objects.put(key, value));
        return read;
    }
}
