package dev.quantline.quantize.quantizer;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;

/**
 * Maps numbers to codes of a few bits and back. Codes are whole numbers from {@link #qmin} to {@link #qmax}; quantizing
 * what a code stands for gives the code again.
 */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "type")
@JsonSubTypes({
    @JsonSubTypes.Type(value = Uniform.class, name = "uniform"),
    @JsonSubTypes.Type(value = Logarithmic.class, name = "logarithmic"),
    @JsonSubTypes.Type(value = Tangent.class, name = "tan")
})
public sealed interface Quantizer permits Uniform, Codebook {
    /** Width of a code. */
    int bits();

    /** What reports call it. */
    @JsonIgnore
    String label();

    /** Smallest code. */
    int qmin();

    /** Largest code. */
    int qmax();

    /** The code of {@code x} in channel {@code c}. */
    int quantize(float x, int c);

    /** The number code {@code q} stands for in channel {@code c}. */
    float dequantize(int q, int c);

    /** Smallest number of channel {@code c} that is not clipped. */
    float lowest(int c);

    /** Largest number of channel {@code c} that is not clipped. */
    float highest(int c);

    /** The ONNX type its codes are stored in. */
    @JsonIgnore
    DataType storage();

    /** Quantizes a FLOAT tensor and gives the numbers its codes stand for, in the same shape. */
    Tensor fakeQuantize(Tensor x);

    /**
     * Writes quantizing and restoring into a graph with standard operators. Nodes go to the end of the graph: sort it
     * when all is written.
     *
     * @param base     what new constants and tensors are named after
     * @param input    float tensor
     * @param output   name of the restored float tensor
     */
    void write(Graph graph, String base, String input, String output);
}
