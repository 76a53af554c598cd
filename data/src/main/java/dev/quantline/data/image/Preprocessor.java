package dev.quantline.data.image;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.runtime.Normalization;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;

/**
 * The processing of pictures that a Hugging Face {@code preprocessor_config.json} describes. Each method reads only the fields it
 * needs, so that an option can replace a field that is not supported.
 *
 * @param file   names it in messages
 * @param json   its fields
 * @param family of the class that the file is for
 */
record Preprocessor(Path file, JsonNode json, Family family) {
    private static final int BYTE = 255;
    /** LeViT resizes to this much more than it takes of the middle. */
    private static final double LEVIT = 256. / 224;
    /** From this size on, ConvNeXt resizes both sides and cuts nothing off. */
    private static final int CONVNEXT_WHOLE = 384;

    private static final double CONVNEXT_SHARE = 224. / 256;
    private static final double POOLFORMER_SHARE = .9;
    private static final int DETECTOR_LONGER = 1333;
    private static final double ROUNDING = 1e-6;

    /** Steps that are done, or that do nothing to pictures. */
    private static final Set<String> STEPS = Set.of(
            "do_resize",
            "do_center_crop",
            "do_rescale",
            "do_normalize",
            "do_convert_rgb",
            "do_flip_channel_order",
            "do_pad",
            "do_reduce_labels",
            "do_convert_annotations");

    /** Fields that change the sizes of pictures in other ways. */
    private static final Set<String> OTHER_SIZES = Set.of(
            "size_divisor",
            "keep_aspect_ratio",
            "ensure_multiple_of",
            "image_grid_pinpoints",
            "merge_size",
            "max_patches",
            "max_num_patches");

    private static final String OWN_SIZE = ": use --size and --fit, which override the file's sizes";
    private static final String OWN_SCALE = ": use --normalize, which overrides the file's";

    /** Reads a file. @throws BadInput naming the file when it is not for pictures */
    static Preprocessor read(Path file) throws IOException {
        try {
            var json = new ObjectMapper().readTree(file.toFile());
            if (!json.isObject() || !json.has("image_mean") && !json.has("size") && !json.has("do_resize")) {
                throw new BadInput(
                        file
                                + ": not the configuration of a picture preprocessor: size, image_mean and image_std are missing");
            }
            return new Preprocessor(
                    file,
                    json,
                    Family.of(json.path("image_processor_type")
                            .asText(json.path("feature_extractor_type").asText(""))));
        } catch (JsonProcessingException e) {
            throw new BadInput(file + " is not JSON: " + e.getOriginalMessage(), e);
        }
    }

    private <T> T asked(Supplier<T> answer) {
        try {
            return answer.get();
        } catch (BadInput bad) {
            throw new BadInput(file + ": " + bad.getMessage(), bad);
        }
    }

    /** How pictures are resized. @throws BadInput naming the field that is not supported */
    Fit fit() {
        return asked(() -> {
            checkSteps();
            return resized() ? resizing() : new Fit.Unchanged();
        });
    }

    /** The middle that is taken then. @throws BadInput naming the field that is not supported */
    Optional<Size> crop() {
        return asked(() -> {
            if (family == Family.CONVNEXT && resized() && shorterSide().isPresent()) {
                int edge = shorterSide().get();
                return edge < CONVNEXT_WHOLE ? Optional.of(new Size(edge, edge)) : Optional.empty();
            }
            return json.path("do_center_crop").asBoolean(family.cropped())
                    ? Optional.of(size(json.path("crop_size"), "crop_size"))
                    : Optional.empty();
        });
    }

    /** The filter that resizes. @throws BadInput naming its number when there is none */
    Filter filter() {
        return asked(() -> json.path("resample").isNumber()
                ? Filter.numbered(json.path("resample").asInt())
                : family.filter());
    }

    /** Whether channels come blue first. */
    boolean reversed() {
        return json.path("do_flip_channel_order").asBoolean(family.reversed());
    }

    /** Refuses a model of one channel where pictures are made of three. */
    void checkChannels(int channels) {
        if (channels == 1 && json.path("do_convert_rgb").asBoolean(false)) {
            throw new BadInput(file
                    + ": do_convert_rgb makes three channels, but the model takes one: use --channels gray "
                    + "if it was trained with grey pictures");
        }
    }

    private void checkSteps() {
        json.properties().stream()
                .filter(field -> otherwise(field.getKey(), field.getValue()))
                .findFirst()
                .ifPresent(field -> {
                    throw new BadInput(field.getKey() + " is not supported" + OWN_SIZE);
                });
        // Detectors fill up the smaller pictures of a batch, and an array has pictures of one size.
        if (json.path("do_pad").asBoolean(false)
                && (family != Family.DETECTOR || json.path("pad_size").isObject())) {
            throw new BadInput("do_pad pads pictures after normalisation, which is not supported" + OWN_SIZE);
        }
    }

    private static boolean otherwise(String field, JsonNode value) {
        return field.startsWith("do_") && !STEPS.contains(field) && value.asBoolean(false)
                || OTHER_SIZES.contains(field)
                        && (value.isInt() ? value.asInt() > 1 : value.isContainerNode() || value.asBoolean(false));
    }

    private boolean resized() {
        return json.path("do_resize").asBoolean(true);
    }

    private Fit resizing() {
        var size = json.path("size");
        if (size.isInt() && family.sides() == Family.Sides.LIMITED) {
            return new Fit.Limited(size.asInt(), json.path("max_size").asInt(DETECTOR_LONGER));
        }
        if (size.has("shortest_edge") && size.has("longest_edge")) {
            return new Fit.Limited(
                    size.path("shortest_edge").asInt(),
                    size.path("longest_edge").asInt());
        }
        if (shorterSide().isPresent()) {
            return shorterSide(shorterSide().get());
        }
        if (size.has("longest_edge")) {
            throw new BadInput("size has only a longest_edge, which each class rounds differently" + OWN_SIZE);
        }
        if (size.has("max_height") && size.has("max_width")) {
            return new Fit.Within(new Size(
                    size.path("max_width").asInt(), size.path("max_height").asInt()));
        }
        var both = size(size, "size");
        if (json.path("crop_pct").isNumber()) {
            throw new BadInput("crop_pct with a size of two sides is not supported" + OWN_SIZE);
        }
        return new Fit.Stretch(both);
    }

    private Optional<Integer> shorterSide() {
        var size = json.path("size");
        return size.has("shortest_edge")
                ? Optional.of(size.path("shortest_edge").asInt())
                : size.isInt() && family.sides() == Family.Sides.SHORTER ? Optional.of(size.asInt()) : Optional.empty();
    }

    /** Some make pictures larger than what is taken of them then. */
    private Fit shorterSide(int edge) {
        return switch (family) {
            case LEVIT -> new Fit.ShorterSide((int) (edge * LEVIT));
            case CONVNEXT ->
                edge < CONVNEXT_WHOLE
                        ? new Fit.ShorterSide((int) (edge / share(CONVNEXT_SHARE)))
                        : new Fit.Stretch(new Size(edge, edge));
            case POOLFORMER -> new Fit.ShorterSide((int) (edge / share(POOLFORMER_SHARE)));
            default -> {
                if (json.path("crop_pct").isNumber()) {
                    throw new BadInput("crop_pct is only supported for ConvNeXt and PoolFormer" + OWN_SIZE);
                }
                yield new Fit.ShorterSide(edge);
            }
        };
    }

    private double share(double usual) {
        return json.path("crop_pct").asDouble(usual);
    }

    private static Size size(JsonNode size, String field) {
        if (size.isInt()) {
            return new Size(size.asInt(), size.asInt());
        }
        if (size.path("height").isInt() && size.path("width").isInt()) {
            return new Size(size.path("width").asInt(), size.path("height").asInt());
        }
        throw new BadInput(field + " is " + (size.isMissingNode() ? "missing" : size)
                + ", but must be a number, or height and width" + OWN_SIZE);
    }

    /**
     * How bytes become floats. They are multiplied by a factor first; whichever it is, the same comes of {@code value / 255} with another
     * mean and std.
     *
     * @throws BadInput naming the field that is missing or not supported
     */
    Normalization normalization() {
        return asked(() -> {
            if (json.path("offset").asBoolean(false)) {
                throw new BadInput("offset is not supported" + OWN_SCALE);
            }
            boolean rescaled = json.path("do_rescale").asBoolean(true);
            double factor = BYTE * (rescaled ? json.path("rescale_factor").asDouble(1. / BYTE) : 1);
            double shift = rescaled && json.path("rescale_offset").asBoolean(false) ? shift(factor) : 0;
            boolean normalized = json.path("do_normalize").asBoolean(true);
            var mean = normalized ? floats("image_mean") : new float[] {0, 0, 0};
            var std = normalized ? floats("image_std") : new float[] {1, 1, 1};
            // EfficientNet's classifiers were trained on pictures divided twice.
            var again =
                    family == Family.EFFICIENTNET && json.path("include_top").asBoolean(true)
                            ? floats("image_std")
                            : new float[] {1};
            // 1 but for a rounding error stays what the file says, digit by digit.
            double divisor = Math.abs(factor - 1) > ROUNDING ? factor : 1;
            for (int c = 0; c < mean.length; c++) {
                mean[c] = (float) ((mean[c] + shift) / divisor);
            }
            for (int c = 0; c < std.length; c++) {
                std[c] = (float) (std[c] * again[c % again.length] / divisor);
            }
            return new Normalization(mean, std);
        });
    }

    /** Bytes become -1 to 1. */
    private static double shift(double factor) {
        if (Math.abs(factor - 2) > ROUNDING) {
            throw new BadInput(
                    "rescale_offset with a rescale_factor other than 1/127.5 has had different meanings" + OWN_SCALE);
        }
        return 1;
    }

    private float[] floats(String field) {
        var list = json.path(field);
        var values = new float[list.isNumber() ? 1 : list.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (list.isNumber() ? list : list.get(i)).asDouble(Double.NaN);
        }
        if (values.length == 0) {
            throw new BadInput(field + " is missing" + OWN_SCALE);
        }
        return values;
    }
}
