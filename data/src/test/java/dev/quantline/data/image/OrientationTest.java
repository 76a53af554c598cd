package dev.quantline.data.image;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.CRC32;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertEquals;

/** Pictures that note how the camera was held, two columns of three squares each: a b, c d, e f. */
class OrientationTest {
    private static final int SQUARE = 16;
    private static final String SHADES = "abcdef";

    @TempDir
    Path folder;

    /** What Pillow's table of {@code exif_transpose} makes of it, row by row. */
    @ParameterizedTest
    @CsvSource({
        "0, ab cd ef",
        "1, ab cd ef",
        "2, ba dc fe",
        "3, fe dc ba",
        "4, ef cd ab",
        "5, ace bdf",
        "6, eca fdb",
        "7, fdb eca",
        "8, bdf ace",
        "9, ab cd ef"
    })
    void theEightWaysToHoldACamera(int value, String upright) throws IOException {
        var jpeg = Files.write(folder.resolve("a.jpg"), jpegWith(app1("Exif\0\0", exif(value))));
        var png = Files.write(folder.resolve("a.png"), pngWith(exif(value)));

        assertEquals(upright, read(jpeg));
        assertEquals(upright, read(png));
    }

    @ParameterizedTest
    @ValueSource(strings = {"tiff:Orientation=\"6\"/>", "><tiff:Orientation>6</tiff:Orientation></rdf:Description>"})
    void xmpSaysItWhereExifDoesNot(String orientation) throws IOException {
        var xmp =
                "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">"
                        + "<rdf:Description rdf:about=\"\" xmlns:tiff=\"http://ns.adobe.com/tiff/1.0/\" " + orientation
                        + "</rdf:RDF></x:xmpmeta>";
        var jpeg = Files.write(
                folder.resolve("a.jpg"),
                jpegWith(app1("http://ns.adobe.com/xap/1.0/\0", xmp.getBytes(StandardCharsets.UTF_8))));

        assertEquals("eca fdb", read(jpeg));
    }

    @Test
    void webpIsTurnedToo() throws IOException, URISyntaxException {
        // Given a picture of 32 x 24 pixels, its red 8 times the column, in a container that says it lies on its right
        // side
        var plain = Files.readAllBytes(
                Path.of(OrientationTest.class.getResource("lossless.webp").toURI()));
        var header = ByteBuffer.allocate(10)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(0x08)
                .put(new byte[] {31, 0, 0, 23, 0, 0})
                .array();
        var body = new ByteArrayOutputStream();
        body.write("WEBP".getBytes(StandardCharsets.US_ASCII));
        body.write(riff("VP8X", header));
        body.write(Arrays.copyOfRange(plain, 12, plain.length));
        body.write(riff("EXIF", exif(8)));
        Files.write(folder.resolve("a.webp"), riff("RIFF", body.toByteArray()));

        var rows = new PictureReader(3, 1000).read(folder.resolve("a.webp"), pixels -> pixels);

        assertEquals(24, rows.width());
        assertEquals(32, rows.height());
        var row = new byte[24 * 3];
        rows.row(2, row);
        assertEquals(8 * 29, row[0] & 0xff);
        assertEquals(10 * 5, row[5 * 3 + 1] & 0xff);
    }

    @Test
    void brokenNotesLeaveThePictureAsItIs() throws IOException {
        var jpeg = Files.write(
                folder.resolve("a.jpg"), jpegWith(app1("Exif\0\0", "II nonsense".getBytes(StandardCharsets.US_ASCII))));

        assertEquals("ab cd ef", read(jpeg));
    }

    /** The shade in the middle of every square, row by row. */
    private static String read(Path file) throws IOException {
        var rows = new PictureReader(1, 10_000).read(file, pixels -> pixels);
        var text = new StringBuilder();
        var row = new byte[rows.width()];
        for (int y = SQUARE / 2; y < rows.height(); y += SQUARE) {
            rows.row(y, row);
            text.append(text.isEmpty() ? "" : " ");
            for (int x = SQUARE / 2; x < rows.width(); x += SQUARE) {
                text.append(SHADES.charAt(Math.round((row[x] & 0xff) / 40f) - 1));
            }
        }
        return text.toString();
    }

    private static byte[] encoded(String format) throws IOException {
        var picture = new BufferedImage(2 * SQUARE, 3 * SQUARE, BufferedImage.TYPE_BYTE_GRAY);
        for (int y = 0; y < picture.getHeight(); y++) {
            for (int x = 0; x < picture.getWidth(); x++) {
                picture.getRaster().setSample(x, y, 0, 40 * (1 + y / SQUARE * 2 + x / SQUARE));
            }
        }
        var bytes = new ByteArrayOutputStream();
        ImageIO.write(picture, format, bytes);
        return bytes.toByteArray();
    }

    /** A TIFF header and a directory of one entry, tag 0x0112. */
    private static byte[] exif(int orientation) {
        return ByteBuffer.allocate(26)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put((byte) 'I')
                .put((byte) 'I')
                .putShort((short) 42)
                .putInt(8)
                .putShort((short) 1)
                .putShort((short) 0x0112)
                .putShort((short) 3)
                .putInt(1)
                .putInt(orientation)
                .putInt(0)
                .array();
    }

    private static byte[] app1(String name, byte[] data) {
        var start = name.getBytes(StandardCharsets.US_ASCII);
        return ByteBuffer.allocate(4 + start.length + data.length)
                .putShort((short) 0xffe1)
                .putShort((short) (2 + start.length + data.length))
                .put(start)
                .put(data)
                .array();
    }

    private static byte[] jpegWith(byte[] segment) throws IOException {
        return inserted(encoded("jpg"), 2, segment);
    }

    private static byte[] pngWith(byte[] exif) throws IOException {
        var chunk = ByteBuffer.allocate(12 + exif.length)
                .putInt(exif.length)
                .put("eXIf".getBytes(StandardCharsets.US_ASCII))
                .put(exif);
        var checksum = new CRC32();
        checksum.update(chunk.array(), 4, 4 + exif.length);
        // Behind the signature and the header.
        return inserted(
                encoded("png"), 33, chunk.putInt((int) checksum.getValue()).array());
    }

    private static byte[] riff(String name, byte[] data) {
        return ByteBuffer.allocate(8 + data.length + data.length % 2)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(name.getBytes(StandardCharsets.US_ASCII))
                .putInt(data.length)
                .put(data)
                .array();
    }

    private static byte[] inserted(byte[] bytes, int at, byte[] more) {
        return ByteBuffer.allocate(bytes.length + more.length)
                .put(bytes, 0, at)
                .put(more)
                .put(bytes, at, bytes.length - at)
                .array();
    }
}
