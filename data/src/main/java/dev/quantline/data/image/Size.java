package dev.quantline.data.image;

import dev.quantline.onnx.BadInput;

/** Columns and rows of a picture. */
public record Size(int width, int height) {
    private static final int LARGEST = 1 << 14;

    public Size {
        if (width < 1 || height < 1 || width > LARGEST || height > LARGEST) {
            throw new BadInput("a picture cannot be " + width + "x" + height + " pixels large: each side may have 1 to "
                    + LARGEST + " pixels");
        }
    }

    /** {@code 224}, a square, or {@code 320x240}: width, height. @throws BadInput for anything else */
    public static Size of(String text) {
        if (!text.matches("\\d{1,6}(x\\d{1,6})?")) {
            throw new BadInput("'" + text + "' is not a size: write 224, or WIDTHxHEIGHT like 320x240");
        }
        var numbers = text.split("x");
        return new Size(Integer.parseInt(numbers[0]), Integer.parseInt(numbers[numbers.length - 1]));
    }

    @Override
    public String toString() {
        return width + "x" + height;
    }
}
