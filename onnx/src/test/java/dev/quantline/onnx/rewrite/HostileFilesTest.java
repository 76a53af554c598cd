package dev.quantline.onnx.rewrite;

import dev.quantline.fixture.Checkout;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.runtime.Dataset;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Files that once killed a service, or kept it busy forever: each is rejected at once, naming what is wrong. */
class HostileFilesTest {
    private static final Duration AT_ONCE = Duration.ofSeconds(20);

    private static Path file(String folder, String name) {
        return Checkout.shared("cases/hostile").resolve(folder).resolve(name);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "k_conv_stride0 | node 'c' (Conv): attribute strides is 0",
                "k_onehot       | node 'o' (OneHot) produces a tensor of 1600000000 elements",
                "g_rec_function | function 'dom::F' calls itself",
                "z_exp_function | the model's functions make more than 262144 nodes",
                "t_nan          | initializer 'W' of node 'mm' (MatMul): element 0 is NaN",
                "t_huge_vals    | initializer 'W' of node 'mm' (MatMul): element 0 is",
                "e_dims_huge    | tensor 'W': external data 'w.data' cannot be read",
            })
    void hostileModelsAreRefusedAtOnce(String folder, String reason) {
        var model = file(folder, "model.onnx");

        var refused = assertTimeoutPreemptively(
                AT_ONCE, () -> assertThrows(BadInput.class, () -> Canonical.of(ModelFile.read(model))));

        assertTrue(refused.getMessage().contains(reason), refused.getMessage());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "d_bomb1g_row | one sample takes 1073741824 bytes: the limit is 268435456 (quantline.limit.row)",
                "d_rows_2g    | declares the shape [2147483647, 8] of 68719476704 bytes, but the file contains",
            })
    void hostileDataIsRefusedBeforeItIsRead(String folder, String reason) throws IOException {
        var data = file(folder, "data.npz");

        var refused = assertTimeoutPreemptively(
                AT_ONCE, () -> assertThrows(BadInput.class, () -> Dataset.open(List.of(data))));

        assertTrue(refused.getMessage().contains(reason), refused.getMessage());
    }
}
