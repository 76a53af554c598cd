package dev.quantline.data.image;

import java.util.Locale;
import java.util.Optional;

/**
 * What is done to every picture.
 *
 * @param fit    how it is resized
 * @param filter which pixels count when it is
 * @param crop   size of the middle that is taken then; empty for all of it
 * @param fill   value, 0 to 255, of what lies beyond the picture
 */
record Preparation(Fit fit, Filter filter, Optional<Size> crop, int fill) {
    Picture apply(PixelRows picture) {
        var resized = Resampler.resize(picture, fit.resized(picture.width(), picture.height()), filter);
        return crop.isPresent() ? resized.middle(crop.get(), fill) : resized;
    }

    /** In words. */
    String described() {
        return fit.described() + " (" + filter.name().toLowerCase(Locale.ROOT) + ")"
                + crop.map(size -> ", then its centre of " + size + "").orElse("");
    }
}
