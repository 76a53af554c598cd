package dev.quantline.data.image;

import java.awt.image.BufferedImage;
import java.awt.image.DataBuffer;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class PictureReaderTest {
    private static final PictureReader COLOUR = new PictureReader(3, 1000);

    @TempDir
    Path folder;

    /** 32x24, red 8x, green 10y, blue 255-4x-5y; drawn and written with Pillow. */
    @ParameterizedTest
    @CsvSource({"lossless.webp, 0", "lossy.webp, 20"})
    void webpIsRead(String name, int tolerance) throws IOException, URISyntaxException {
        var rows = COLOUR.read(Path.of(PictureReaderTest.class.getResource(name).toURI()), pixels -> pixels);

        assertEquals(32, rows.width());
        assertEquals(24, rows.height());
        var row = new byte[32 * 3];
        for (int y = 0; y < 24; y++) {
            rows.row(y, row);
            for (int x = 0; x < 32; x++) {
                assertEquals(8 * x, row[x * 3] & 0xff, tolerance);
                assertEquals(10 * y, row[x * 3 + 1] & 0xff, tolerance);
                assertEquals(255 - 4 * x - 5 * y, row[x * 3 + 2] & 0xff, tolerance);
            }
        }
    }

    /** ImageIO's own conversion would make a grey of 100 one of 167: it takes grey for linear light. */
    @ParameterizedTest
    @ValueSource(ints = {BufferedImage.TYPE_BYTE_GRAY, BufferedImage.TYPE_USHORT_GRAY})
    void greyStaysAsItIs(int type) throws IOException {
        var picture = new BufferedImage(3, 2, type);
        int value = type == BufferedImage.TYPE_BYTE_GRAY ? 100 : 100 * 257;
        picture.getRaster().getDataBuffer().setElem(0, value);
        assertTrue(picture.getRaster().getDataBuffer().getDataType() != DataBuffer.TYPE_INT);
        ImageIO.write(picture, "png", folder.resolve("grey.png").toFile());

        var row = new byte[9];
        COLOUR.read(folder.resolve("grey.png"), pixels -> pixels).row(0, row);

        for (int c = 0; c < 3; c++) {
            assertEquals(100, row[c]);
        }
    }

    @Test
    void transparencyIsDroppedAndColourBecomesGreyByPillowsWeights() throws IOException {
        var picture = new BufferedImage(2, 1, BufferedImage.TYPE_INT_ARGB);
        picture.setRGB(0, 0, 0x40c80a14);
        picture.setRGB(1, 0, 0x00ffffff);
        ImageIO.write(picture, "png", folder.resolve("a.png").toFile());

        var colour = new byte[6];
        COLOUR.read(folder.resolve("a.png"), pixels -> pixels).row(0, colour);
        var grey = new byte[2];
        new PictureReader(1, 1000)
                .read(folder.resolve("a.png"), pixels -> pixels)
                .row(0, grey);

        assertEquals(200, colour[0] & 0xff);
        assertEquals(10, colour[1]);
        assertEquals(20, colour[2]);
        // L = (200 * 19595 + 10 * 38470 + 20 * 7471 + 32768) >> 16
        assertEquals(68, grey[0]);
        assertEquals(255, grey[1] & 0xff);
    }
}
