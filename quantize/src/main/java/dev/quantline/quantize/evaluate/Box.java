package dev.quantline.quantize.evaluate;

/** A box by its left, upper, right and lower edge, in any unit: overlaps are the same in pixels and in fractions of the picture. */
record Box(double x1, double y1, double x2, double y2) {
    /** By its centre and its sides. */
    static Box centred(double x, double y, double width, double height) {
        return new Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2);
    }

    boolean isFinite() {
        return Double.isFinite(x1 + y1 + x2 + y2);
    }

    private double area() {
        return Math.max(0, x2 - x1) * Math.max(0, y2 - y1);
    }

    /** Intersection over union; 0 if neither box has an area. */
    double overlap(Box other) {
        double width = Math.min(x2, other.x2) - Math.max(x1, other.x1);
        double height = Math.min(y2, other.y2) - Math.max(y1, other.y1);
        if (width <= 0 || height <= 0) {
            return 0;
        }
        double both = width * height;
        return both / (area() + other.area() - both);
    }
}
