package dev.quantline.quantize.plan;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ClosestName;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/** Where the exported file will run: what its kernels can hold. */
public enum Target {
    /** Every x86 and ARM processor. Without VNNI two products of 8 bits are added in 16. */
    CPU("cpu"),
    /** Processors that add products of 8 bits in 32: x86 with AVX-VNNI, AVX-512 VNNI or AMX, and ARM. */
    CPU_VNNI("cpu-vnni");

    private static final int WIDEST_CODE = 8;

    private final String label;

    Target(String label) {
        this.label = label;
    }

    /** What requests, reports and metadata call it. */
    public String label() {
        return label;
    }

    /**
     * What two weight codes of one sign that are summed with each other may add up to, in size, when they meet activation codes of so
     * many bits; 0 where any will do. Wider activations run on no integer kernel; there are none narrower than a bit.
     */
    public int pairLimit(int activationBits) {
        int limit =
                activationBits < 1 || activationBits > WIDEST_CODE ? 0 : Short.MAX_VALUE / ((1 << activationBits) - 1);
        return this == CPU_VNNI || limit >= 2 << WIDEST_CODE - 1 ? 0 : limit;
    }

    /** Reads a label. @throws BadInput naming the labels there are */
    public static Target of(String label) {
        return Arrays.stream(values())
                .filter(target -> target.label.equals(label))
                .findFirst()
                .orElseThrow(
                        () -> new BadInput("target '" + label + "' is unknown: " + ClosestName.hint(label, labels())));
    }

    private static List<String> labels() {
        return Arrays.stream(values()).map(Target::label).collect(Collectors.toList());
    }
}
