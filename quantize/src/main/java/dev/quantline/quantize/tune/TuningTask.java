package dev.quantline.quantize.tune;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.tune.BlockTuning.Split;
import dev.quantline.quantize.tune.BlockTuning.State;
import java.nio.file.Path;

/**
 * The input of a {@link TuningRun}.
 *
 * @param model  the float model, whose only outputs are those that it is tuned for
 * @param start  the model and the plan to start from
 * @param batch  number of samples run at once
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
