package dev.quantline.data.text;

import dev.quantline.data.ModelInput;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ClosestName;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The inputs {@code [batch, tokens]} of a model that takes text, by what they are.
 *
 * @param roles what each is
 * @param left  names of the model's other inputs, which text says nothing of
 */
record TextInputs(Map<ModelInput, Role> roles, List<String> left) {
    /** What an input takes. */
    enum Role {
        IDS,
        MASK,
        TYPES,
        POSITIONS
    }

    /** @throws BadInput when none takes token numbers */
    static TextInputs of(Graph model, Optional<String> ids) {
        var roles = new LinkedHashMap<ModelInput, Role>();
        var left = new ArrayList<String>();
        var inputs = ModelInput.of(model).stream().toList();
        var sequences = inputs.stream().filter(input -> input.mayHaveRank(2)).toList();
        for (var input : inputs) {
            var role = sequences.contains(input) ? role(input, ids, sequences.size() == 1) : Optional.<Role>empty();
            role.ifPresentOrElse(known -> roles.put(input, known), () -> left.add(input.name()));
        }
        if (!roles.containsValue(Role.IDS)) {
            throw new BadInput(
                    "the model has no input called input_ids%s: say with --ids which takes the numbers of tokens; %s"
                            .formatted(
                                    ids.map(name -> " or " + name).orElse(""),
                                    ClosestName.hint(
                                            "input_ids",
                                            inputs.stream()
                                                    .map(ModelInput::name)
                                                    .toList())));
        }
        return new TextInputs(roles, left);
    }

    private static Optional<Role> role(ModelInput input, Optional<String> ids, boolean only) {
        String name = input.name();
        if (ids.isPresent()
                ? name.equals(ids.get())
                : name.equals("input_ids") || only && !input.type().isFloating()) {
            return Optional.of(Role.IDS);
        }
        return switch (name) {
            case "attention_mask", "input_mask", "mask" -> Optional.of(Role.MASK);
            case "token_type_ids", "segment_ids", "token_types" -> Optional.of(Role.TYPES);
            case "position_ids", "positions" -> Optional.of(Role.POSITIONS);
            default -> Optional.empty();
        };
    }

    boolean masked() {
        return roles.containsValue(Role.MASK);
    }

    /** Tokens of a sample, where the model fixes them. @throws BadInput when its inputs fix different numbers */
    OptionalInt length() {
        var fixed = roles.keySet().stream()
                .mapToInt(input -> (int) input.size(1))
                .filter(size -> size > 0)
                .distinct()
                .toArray();
        if (fixed.length > 1) {
            throw new BadInput("the model's inputs take sequences of different lengths, " + Arrays.toString(fixed));
        }
        return fixed.length == 0 ? OptionalInt.empty() : OptionalInt.of(fixed[0]);
    }

    /**
     * One sample for each input, {@code [1, length]}.
     *
     * @param padding  what it is filled up with
     * @param type     which text padding counts as
     * @param leftward whether padding stands before it
     */
    Map<String, Tensor> row(TokenizerFile.Tokens tokens, int length, long padding, int type, boolean leftward) {
        int used = tokens.ids().length;
        int first = leftward ? length - used : 0;
        var arrays = new LinkedHashMap<String, Tensor>();
        roles.forEach((input, role) -> {
            var values = new long[length];
            for (int i = 0; i < length; i++) {
                boolean inside = i >= first && i < first + used;
                values[i] = switch (role) {
                    case IDS -> inside ? tokens.ids()[i - first] : padding;
                    case MASK -> inside ? 1 : 0;
                    case TYPES -> inside ? tokens.types()[i - first] : type;
                    case POSITIONS -> leftward ? Math.max(0, i - first) : i;
                };
            }
            arrays.put(input.name(), tensor(input, values));
        });
        return arrays;
    }

    private static Tensor tensor(ModelInput input, long[] values) {
        return switch (input.type()) {
            case INT64 -> Tensor.of(values, 1, values.length);
            case INT32 ->
                Tensor.of(Arrays.stream(values).mapToInt(Math::toIntExact).toArray(), 1, values.length);
            case FLOAT -> {
                var floats = new float[values.length];
                for (int i = 0; i < floats.length; i++) {
                    floats[i] = values[i];
                }
                yield Tensor.of(floats, 1, values.length);
            }
            case BOOL -> {
                var bytes = new byte[values.length];
                for (int i = 0; i < bytes.length; i++) {
                    bytes[i] = (byte) values[i];
                }
                yield Tensor.of(DataType.BOOL, bytes, 1, values.length);
            }
            default ->
                throw new BadInput("the model's input '" + input.name() + "' takes " + input.type()
                        + ": tokens are INT64, INT32, FLOAT or BOOL");
        };
    }
}
