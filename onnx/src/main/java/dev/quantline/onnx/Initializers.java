package dev.quantline.onnx;

import java.lang.foreign.MemorySegment;
import java.util.AbstractMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.BiFunction;

/**
 * Constants of a graph by name, in the order in which they were added. Those in memory are at most {@link
 * MemoryLimit#WEIGHTS_IN_MEMORY} together; large ones beyond it are written to a temporary file and mapped, so that the
 * operating system keeps of them what it has room for.
 */
final class Initializers extends AbstractMap<String, Tensor> {
    /** Smaller tensors are not worth a file. */
    private static final int SMALLEST = 1 << 16;

    private final Map<String, Tensor> tensors = new LinkedHashMap<>();
    private long inMemory;

    Initializers(Map<String, Tensor> tensors) {
        this.tensors.putAll(tensors);
        inMemory = tensors.values().stream().mapToLong(Initializers::memory).sum();
    }

    private static long memory(Tensor tensor) {
        var data = tensor.data();
        return data.capacity() < SMALLEST || MemorySegment.ofBuffer(data).isMapped() ? 0 : data.capacity();
    }

    @Override
    public Tensor put(String name, Tensor tensor) {
        long more = memory(tensor);
        boolean fits = more == 0 || inMemory + more <= MemoryLimit.WEIGHTS_IN_MEMORY.value();
        inMemory += fits ? more : 0;
        var before = tensors.put(name, fits ? tensor : tensor.inFile());
        inMemory -= before == null ? 0 : memory(before);
        return before;
    }

    @Override
    public void replaceAll(BiFunction<? super String, ? super Tensor, ? extends Tensor> change) {
        tensors.keySet().forEach(name -> put(name, change.apply(name, tensors.get(name))));
    }

    @Override
    public Tensor get(Object name) {
        return tensors.get(name);
    }

    @Override
    public boolean containsKey(Object name) {
        return tensors.containsKey(name);
    }

    @Override
    public Tensor remove(Object name) {
        return tensors.remove(name);
    }

    @Override
    public Set<String> keySet() {
        return tensors.keySet();
    }

    @Override
    public Set<Entry<String, Tensor>> entrySet() {
        return tensors.entrySet();
    }
}
