package dev.quantline.gradient;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import java.util.Random;
import java.util.stream.IntStream;

/** Arithmetic for finite differences along a direction. */
final class Directions {
    private Directions() {}

    static Tensor tensor(DataType type, double[] values, long... shape) {
        var tensor = Tensor.zeros(type, shape);
        var data = tensor.data();
        for (double value : values) {
            if (type == DataType.DOUBLE) {
                data.putDouble(value);
            } else {
                data.putFloat((float) value);
            }
        }
        return tensor;
    }

    static double[] values(Tensor tensor) {
        return IntStream.range(0, tensor.size()).mapToDouble(tensor::get).toArray();
    }

    static double[] random(Random random, int size) {
        return random.doubles(size, -1, 1).toArray();
    }

    static double[] moved(double[] from, double[] direction, double step) {
        var moved = from.clone();
        for (int i = 0; i < moved.length; i++) {
            moved[i] += step * direction[i];
        }
        return moved;
    }

    static double dot(Tensor a, double[] b) {
        double sum = 0;
        for (int i = 0; i < b.length; i++) {
            sum += a.get(i) * b[i];
        }
        return sum;
    }

    static double norm(Tensor a) {
        double sum = 0;
        for (int i = 0; i < a.size(); i++) {
            sum += a.get(i) * a.get(i);
        }
        return Math.sqrt(sum);
    }
}
