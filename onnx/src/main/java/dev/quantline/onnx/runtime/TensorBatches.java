package dev.quantline.onnx.runtime;

import dev.quantline.onnx.Tensor;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Tensors of several batches of samples by name, in memory up to the limit of {@link Spilling}. */
public final class TensorBatches implements AutoCloseable {
    private final Spill spill;
    private final List<Map<String, Spill.Kept>> batches = new ArrayList<>();

    /** Starts without batches. */
    public TensorBatches(Spilling spilling) {
        spill = new Spill(spilling);
    }

    public void add(Map<String, Tensor> tensors) {
        batches.add(new LinkedHashMap<>());
        tensors.forEach((name, tensor) -> put(batches.size() - 1, name, tensor));
    }

    public void put(int batch, String name, Tensor tensor) {
        batches.get(batch).put(name, spill.keep(tensor));
    }

    /** Number of batches. */
    public int size() {
        return batches.size();
    }

    /** Names of a batch's tensors. */
    public Set<String> names(int batch) {
        return batches.get(batch).keySet();
    }

    /** One tensor of a batch; null if it has none of that name. */
    public Tensor get(int batch, String name) {
        var kept = batches.get(batch).get(name);
        return kept == null ? null : kept.tensor();
    }

    /** These tensors of a batch, as far as it has them. */
    public Map<String, Tensor> get(int batch, Collection<String> names) {
        var tensors = new LinkedHashMap<String, Tensor>();
        names.stream().filter(batches.get(batch)::containsKey).forEach(name -> tensors.put(name, get(batch, name)));
        return tensors;
    }

    /** All tensors of a batch. */
    public Map<String, Tensor> get(int batch) {
        return get(batch, names(batch));
    }

    /** One tensor of every batch, read lazily. */
    public Stream<Tensor> all(String name) {
        return IntStream.range(0, size()).mapToObj(batch -> get(batch, name));
    }

    @Override
    public void close() {
        spill.close();
    }
}
