package dev.quantline.onnx.runtime;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

class OpenResourcesTest {
    @Test
    void allAreClosedOnceTheLastFirstWhateverFails() {
        var closed = new ArrayList<String>();
        var opened = new OpenResources();
        assertEquals("first", opened.add("first", closed::add));
        opened.add("second", name -> {
            throw new IllegalStateException(name);
        });
        opened.add("third", closed::add);

        assertThrows(IllegalStateException.class, opened::close);
        opened.close();

        assertEquals(List.of("third", "first"), closed);
    }
}
