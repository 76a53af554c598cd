package dev.quantline.data.image;

/** How a picture of any size becomes one of the size that the model takes. */
public sealed interface Fit {
    /** The picture's new size, before the centre crop. */
    Size resized(int width, int height);

    /** In words. */
    default String described() {
        return switch (this) {
            case Stretch(var size) -> "stretched to " + size;
            case ShorterSide(int pixels) -> "resized so that the shorter side has " + pixels + " pixels";
            case Limited(int shorter, int longer) ->
                "resized so that the shorter side has " + shorter + " pixels, or the longer one " + longer;
            case Cover(var size) -> "resized to cover " + size;
            case Within(var size) -> "resized to fit into " + size;
            case Inside(var size) -> "resized to fit into " + size;
            case Unchanged() -> "not resized";
        };
    }

    /** Both sides as given, without keeping the proportions. */
    record Stretch(Size size) implements Fit {
        @Override
        public Size resized(int width, int height) {
            return size;
        }
    }

    /** The shorter side as given, proportions kept. */
    record ShorterSide(int pixels) implements Fit {
        @Override
        public Size resized(int width, int height) {
            return width <= height
                    ? new Size(pixels, Math.max(1, (int) ((double) pixels * height / width)))
                    : new Size(Math.max(1, (int) ((double) pixels * width / height)), pixels);
        }
    }

    /**
     * The shorter side as given, or less if the longer one would exceed its limit: Hugging Face's {@code get_size_with_aspect_ratio},
     * of detectors.
     */
    record Limited(int shorter, int longer) implements Fit {
        @Override
        public Size resized(int width, int height) {
            double small = Math.min(width, height);
            double large = Math.max(width, height);
            boolean tooLong = large / small * shorter > longer;
            double raw = tooLong ? longer * small / large : shorter;
            int side = (int) Math.rint(raw);
            if (small == side) {
                return new Size(width, height);
            }
            return width < height
                    ? new Size(side, (int) (raw * height / width))
                    : new Size((int) (raw * width / height), side);
        }
    }

    /** Proportions kept, sides rounded down: Hugging Face's {@code get_image_size_for_max_height_width}. */
    record Within(Size size) implements Fit {
        @Override
        public Size resized(int width, int height) {
            double scale = Math.min((double) size.height() / height, (double) size.width() / width);
            return new Size((int) (width * scale), (int) (height * scale));
        }
    }

    /** Proportions kept, as small as possible to cover the size. */
    record Cover(Size size) implements Fit {
        @Override
        public Size resized(int width, int height) {
            double scale = Math.max((double) size.width() / width, (double) size.height() / height);
            return new Size(Math.max(size.width(), (int) Math.round(width * scale)), Math.max(size.height(), (int)
                    Math.round(height * scale)));
        }
    }

    /** Proportions kept, as large as possible to fit into the size. */
    record Inside(Size size) implements Fit {
        @Override
        public Size resized(int width, int height) {
            double scale = Math.min((double) size.width() / width, (double) size.height() / height);
            return new Size(
                    Math.clamp(Math.round(width * scale), 1, size.width()),
                    Math.clamp(Math.round(height * scale), 1, size.height()));
        }
    }

    /** As large as it is. */
    record Unchanged() implements Fit {
        @Override
        public Size resized(int width, int height) {
            return new Size(width, height);
        }
    }
}
