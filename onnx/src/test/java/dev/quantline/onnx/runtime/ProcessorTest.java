package dev.quantline.onnx.runtime;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

class ProcessorTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "amd64 | model name\t: EPYC 7543 | flags\t\t: fpu sse2 avx2 | EPYC 7543 | none: pairs of products are added in 16 bits",
                "amd64 | model name\t: Xeon 8480 | flags\t\t: avx2 avx512_vnni amx_int8 avx_vnni | Xeon 8480 | AMX, AVX-512 VNNI, AVX-VNNI",
                "aarch64 | Model\t: Pi 5 | Features\t: fp asimd asimddp | Pi 5 | DotProd",
                "aarch64 | processor\t: 0 | Features\t: fp asimd | aarch64 | none",
                "amd64 | processor\t: 0 | vendor_id\t: x | amd64 | unknown"
            })
    void whatLinuxSaysIsRead(String architecture, String first, String second, String name, String instructions) {
        var processor = Processor.of(architecture, "processor\t: 0\n" + first + "\n" + second + "\n");

        assertEquals(name, processor.name());
        assertEquals(instructions, processor.integerInstructions());
    }

    @Test
    void wordsOfOtherFieldsAreNoFlags() {
        assertFalse(Processor.of("amd64", "flags\t: avx\nvmx flags\t: avx2\n").has("avx2"));
    }

    @Test
    void aProcessorOfThisKindSaysWhatItIs() {
        assertTrue(Processor.current().name().length() > 2);
    }
}
