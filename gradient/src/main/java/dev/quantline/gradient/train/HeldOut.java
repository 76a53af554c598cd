package dev.quantline.gradient.train;

import dev.quantline.gradient.TrainingGraph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Scores trained tensors on data that they were not trained on; lower is better. */
@FunctionalInterface
public interface HeldOut {
    /** The score of these values of the trained tensors. */
    double score(Map<String, Tensor> values);

    /** The mean loss of the first {@code count} batches. */
    static Loss loss(TrainingGraph forward, Batches batches, int count, Provider provider) {
        return new Loss(forward, Session.open(forward.graph(), provider, Session.Optimization.EXACT), batches, count);
    }

    /** The mean loss of some batches; holds a session. */
    record Loss(TrainingGraph forward, Session session, Batches batches, int count) implements HeldOut, AutoCloseable {
        @Override
        public double score(Map<String, Tensor> values) {
            double sum = 0;
            for (int i = 0; i < count; i++) {
                var inputs = new LinkedHashMap<>(batches.batch(i));
                inputs.putAll(values);
                sum += session.run(inputs, List.of(forward.loss()))
                        .get(forward.loss())
                        .get(0);
            }
            return sum / count;
        }

        @Override
        public void close() {
            session.close();
        }
    }
}
