package dev.quantline.data.image;

import java.util.Arrays;

/**
 * Defaults of Hugging Face's image processors, by the beginning of their names. Many published configurations omit the defaults of
 * their class.
 */
enum Family {
    CLIP("clip|chineseclip", Sides.SHORTER, Filter.BICUBIC, true),
    BIT("bit", Sides.SHORTER, Filter.BICUBIC, true),
    LEVIT("levit", Sides.SHORTER, Filter.BICUBIC, true),
    POOLFORMER("poolformer", Sides.SHORTER, Filter.BICUBIC, true),
    CONVNEXT("convnext", Sides.SHORTER, Filter.BILINEAR, false),
    MOBILENET("mobilenetv", Sides.SHORTER, Filter.BILINEAR, true),
    MOBILEVIT("mobilevit", Sides.SHORTER, Filter.BILINEAR, true),
    DEIT("deit", Sides.BOTH, Filter.BICUBIC, true),
    BEIT("beit", Sides.BOTH, Filter.BICUBIC, true),
    SIGLIP("siglip|blip", Sides.BOTH, Filter.BICUBIC, false),
    EFFICIENTNET("efficientnet", Sides.BOTH, Filter.NEAREST, false),
    LAYOUT("layoutlmv2|layoutxlm", Sides.BOTH, Filter.BILINEAR, false),
    DETECTOR("detr|yolos|conditionaldetr|deformabledetr|rtdetr|groundingdino", Sides.LIMITED, Filter.BILINEAR, false),
    OTHER("", Sides.BOTH, Filter.BILINEAR, false);

    /** What a size that is written as one number is the size of. */
    enum Sides {
        BOTH,
        SHORTER,
        LIMITED
    }

    private final String names;
    private final Sides sides;
    private final Filter filter;
    private final boolean cropped;

    Family(String names, Sides sides, Filter filter, boolean cropped) {
        this.names = names;
        this.sides = sides;
        this.filter = filter;
        this.cropped = cropped;
    }

    /** The first whose name the type, {@code ViTImageProcessor} for instance, begins with. */
    static Family of(String type) {
        return Arrays.stream(values())
                .filter(family -> type.matches("(?i)(" + family.names + ").*"))
                .findFirst()
                .orElse(OTHER);
    }

    Sides sides() {
        return sides;
    }

    Filter filter() {
        return filter;
    }

    /** Whether the middle is taken. */
    boolean cropped() {
        return cropped;
    }

    /** Whether channels come blue first. */
    boolean reversed() {
        return this == MOBILEVIT || this == LAYOUT;
    }
}
