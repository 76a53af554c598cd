package dev.quantline.pipeline.stage;

import dev.quantline.pipeline.job.ObjectRef;
import dev.quantline.pipeline.store.StoredFile;
import java.util.List;

/** Where an input of a stage comes from. */
public sealed interface Source {
    /** A user's object, or every {@code .npz} below a prefix; with an {@code .onnx} its external data beside it. */
    record Given(ObjectRef ref) implements Source {}

    /** A result of an earlier stage, with its external data when it is a model that has some. */
    record Made(List<StoredFile> files) implements Source {}
}
