package dev.quantline.quantize.quantizer;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;

/**
 * Maps numbers to codes of a few bits and back. Codes are integers from {@link #qmin} to {@link #qmax}; quantizing a
 * dequantized code gives the same code.
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

    /** Its name in reports. */
    @JsonIgnore
    String label();

    /** Smallest code. */
    int qmin();

    /** Largest code. */
    int qmax();

    /** The code of {@code x} in channel {@code c}. */
    int quantize(float x, int c);

    /** The number that code {@code q} represents in channel {@code c}. */
    float dequantize(int q, int c);

    /** Smallest number of channel {@code c} that is not clipped. */
    float lowest(int c);

    /** Largest number of channel {@code c} that is not clipped. */
    float highest(int c);

    /** The ONNX type its codes are stored in. */
    @JsonIgnore
    DataType storage();

    /** Quantizes and dequantizes a FLOAT tensor, in the same shape. */
    Tensor fakeQuantize(Tensor x);

    /**
     * Writes quantization and dequantization into a graph with standard operators. Nodes are appended to the graph,
     * which must be sorted when everything is written.
     *
     * @param base     prefix for the names of new constants and tensors
     * @param input    float tensor
     * @param output   name of the dequantized float tensor
     */
    void write(Graph graph, String base, String input, String output);
}
