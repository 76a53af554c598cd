package dev.quantline.gradient.train;

import java.util.List;

/** Trained tensors that share an optimizer and its learning rate. */
public record Group(List<String> tensors, Optimizer optimizer) {
    public Group {
        tensors = List.copyOf(tensors);
    }
}
