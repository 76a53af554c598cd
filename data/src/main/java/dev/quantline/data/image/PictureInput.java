package dev.quantline.data.image;

import dev.quantline.data.ModelInput;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ClosestName;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import java.util.List;
import java.util.Optional;

/**
 * The input of a model that takes pictures.
 *
 * @param name     of the input, and of the array
 * @param type     of its elements
 * @param last     whether channels come last: {@code [batch, height, width, channels]}, else {@code [batch, channels, height, width]}
 * @param channels 1 or 3
 * @param size     where the model fixes it
 */
record PictureInput(String name, DataType type, boolean last, int channels, Optional<Size> size) {
    /**
     * Finds it.
     *
     * @param named  the input; empty for the only one with four axes
     * @param layout {@code nchw} or {@code nhwc}; empty where the model's sizes tell
     * @param gray   whether one channel is wanted, where the model leaves it open
     * @throws BadInput saying what to state where the model does not tell
     */
    static PictureInput of(Graph model, Optional<String> named, Optional<String> layout, boolean gray) {
        var input = find(ModelInput.of(model), named);
        boolean last = layout.map(text -> text.equals("nhwc")).orElseGet(() -> channelsLast(input));
        long channels = input.size(last ? 3 : 1);
        if (channels > 0 && channels != 1 && channels != 3) {
            throw new BadInput("the model's input %s %s has %d channels, but pictures have 1 or 3"
                    .formatted(input.name(), input.described(), channels));
        }
        long height = input.size(last ? 1 : 2);
        long width = input.size(last ? 2 : 3);
        var size = height > 0 && width > 0 ? Optional.of(new Size((int) width, (int) height)) : Optional.<Size>empty();
        return new PictureInput(input.name(), input.type(), last, channels > 0 ? (int) channels : gray ? 1 : 3, size);
    }

    private static ModelInput find(List<ModelInput> inputs, Optional<String> named) {
        if (named.isPresent()) {
            return inputs.stream()
                    .filter(input -> input.name().equals(named.get()) && input.mayHaveRank(4))
                    .findFirst()
                    .orElseThrow(() -> new BadInput("the model has no input '%s' with four axes: %s"
                            .formatted(
                                    named.get(),
                                    ClosestName.hint(
                                            named.get(),
                                            inputs.stream()
                                                    .map(ModelInput::name)
                                                    .toList()))));
        }
        var candidates = inputs.stream()
                .filter(input -> input.axes().isPresent() && input.mayHaveRank(4))
                .toList();
        if (candidates.size() != 1) {
            throw new BadInput("the model has %d inputs with four axes, as pictures have: %s"
                    .formatted(
                            candidates.size(),
                            candidates.isEmpty()
                                    ? "its inputs are "
                                            + String.join(
                                                    ", ",
                                                    inputs.stream()
                                                            .map(input -> input.name() + " " + input.described())
                                                            .toList())
                                    : "choose one with --input"));
        }
        return candidates.getFirst();
    }

    private static boolean channelsLast(ModelInput input) {
        boolean second = isChannels(input.size(1));
        boolean fourth = isChannels(input.size(3));
        if (second == fourth) {
            throw new BadInput("the model's input %s %s does not show where its channels are: use --layout nchw or nhwc"
                    .formatted(input.name(), input.described()));
        }
        return fourth;
    }

    private static boolean isChannels(long size) {
        return size == 1 || size == 3;
    }
}
