package dev.quantline.quantize.evaluate;

import dev.quantline.onnx.Tensor;
import java.util.List;
import java.util.Map;

/** A metric that reads one output. */
interface OneOutput extends Metric {
    /** Its name. */
    String output(Map<String, Tensor> outputs);

    @Override
    default List<String> outputs(Map<String, Tensor> outputs) {
        return List.of(output(outputs));
    }
}
