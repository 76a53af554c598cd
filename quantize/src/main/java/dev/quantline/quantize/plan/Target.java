package dev.quantline.quantize.plan;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ClosestName;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/** Where the exported file will run, which determines what its kernels can accumulate. */
public enum Target {
    /** Every x86 and ARM processor. Without VNNI, two 8-bit products are added in 16 bits. */
    CPU("cpu"),
    /** Processors that add 8-bit products in 32 bits: x86 with AVX-VNNI, AVX-512 VNNI or AMX, and ARM. */
    CPU_VNNI("cpu-vnni");

    private static final int WIDEST_CODE = 8;

    private final String label;

    Target(String label) {
        this.label = label;
    }

    /** Its name in requests, reports and metadata. */
    public String label() {
        return label;
    }

    /**
     * Largest magnitude of the sum of two same-sign weight codes that are summed with each other, for activation codes of this width;
     * 0 for no limit. Wider activations do not run on integer kernels, and there are none narrower than a bit.
     */
    public int pairLimit(int activationBits) {
        int limit =
                activationBits < 1 || activationBits > WIDEST_CODE ? 0 : Short.MAX_VALUE / ((1 << activationBits) - 1);
        return this == CPU_VNNI || limit >= 2 << WIDEST_CODE - 1 ? 0 : limit;
    }

    /** Parses a label. @throws BadInput naming the existing labels */
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
