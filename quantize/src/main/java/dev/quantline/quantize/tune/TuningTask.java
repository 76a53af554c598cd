package dev.quantline.quantize.tune;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.tune.BlockTuning.Split;
import dev.quantline.quantize.tune.BlockTuning.State;
import java.nio.file.Path;

/**
 * What a {@link TuningRun} works on.
 *
 * @param model  the float model; puts out what it is tuned for, and that alone
 * @param start  the model and the plan that it begins with
 * @param batch  samples run at once
 * @param folder for activations and the state of a stopped training
 */
record TuningTask(
        Graph model,
        State start,
        Samples samples,
        TuneSettings settings,
        Split split,
        int batch,
        Provider provider,
        Path folder) {}
