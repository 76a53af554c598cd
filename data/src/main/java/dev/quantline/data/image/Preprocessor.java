package dev.quantline.data.image;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quantline.onnx.BadInput;
import dev.quantline.runtime.Normalization;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;

/**
 * What a Hugging Face {@code preprocessor_config.json} says is done to pictures.
 *
 * @param fit           how they are resized
 * @param filter        by which filter
 * @param crop          the middle that is taken then
 * @param normalization how bytes become floats
 * @param reversed      whether channels come blue first
 */
record Preprocessor(Fit fit, Filter filter, Optional<Size> crop, Normalization normalization, boolean reversed) {
    private static final int BYTE = 255;
    /** LeViT resizes to this much more than it takes of the middle. */
    private static final double LEVIT = 256. / 224;
    /** From this size on, ConvNeXt resizes both sides and cuts nothing off. */
    private static final int CONVNEXT_WHOLE = 384;
    /** Those whose size, written as one number, is the shorter side's. */
    private static final String SHORTER_SIDE = "(?i)(clip|chineseclip|convnext|levit|mobilenetv|poolformer|bit).*";

    /** Reads a file. @throws BadInput naming the file and the field that is not understood */
    static Preprocessor read(Path file) throws IOException {
        try {
            return of(new ObjectMapper().readTree(file.toFile()));
        } catch (JsonProcessingException e) {
            throw new BadInput(file + " is not JSON: " + e.getOriginalMessage(), e);
        } catch (BadInput bad) {
            throw new BadInput(file + ": " + bad.getMessage(), bad);
        }
    }

    private static Preprocessor of(JsonNode json) {
        if (!json.isObject() || !json.has("image_mean") && !json.has("size") && !json.has("do_resize")) {
            throw new BadInput("is no configuration of a picture preprocessor: size, image_mean and image_std are missing");
        }
        for (String field : new String[] {"rescale_offset", "do_pad"}) {
            if (json.path(field).asBoolean(false)) {
                throw new BadInput(field + " is not supported: give sizes and --normalize yourself");
            }
        }
        var type = json.path("image_processor_type").asText(json.path("feature_extractor_type").asText(""));
        var crop = json.path("do_center_crop").asBoolean(false) ? Optional.of(size(json.path("crop_size"), "crop_size"))
            : Optional.<Size>empty();
        var filter = Filter.numbered(json.path("resample").asInt(2));
        var plain = new Preprocessor(fit(json, type), filter, crop, normalization(json),
            json.path("do_flip_channel_order").asBoolean(false));
        return json.has("crop_pct") && json.path("crop_pct").isNumber() ? plain.cutBy(json, type) : plain;
    }

    private static Fit fit(JsonNode json, String type) {
        if (!json.path("do_resize").asBoolean(true)) {
            return new Fit.Unchanged();
        }
        var size = json.path("size");
        if (size.has("longest_edge") || size.has("max_height")) {
            throw new BadInput("size has an upper limit, so that pictures keep sizes of their own: give --size and --fit yourself");
        }
        if (size.has("shortest_edge") || size.isInt() && type.matches(SHORTER_SIDE)) {
            int edge = size.path("shortest_edge").asInt(size.asInt());
            return new Fit.ShorterSide(type.toLowerCase(Locale.ROOT).startsWith("levit") ? (int) (edge * LEVIT) : edge);
        }
        return new Fit.Stretch(size(size, "size"));
    }

    /** ConvNeXt and PoolFormer say what share of the shorter side is kept. */
    private Preprocessor cutBy(JsonNode json, String type) {
        if (!(fit instanceof Fit.ShorterSide(int edge))) {
            return this;
        }
        var square = new Size(edge, edge);
        if (type.toLowerCase(Locale.ROOT).startsWith("convnext") && edge >= CONVNEXT_WHOLE) {
            return new Preprocessor(new Fit.Stretch(square), filter, Optional.empty(), normalization, reversed);
        }
        return new Preprocessor(new Fit.ShorterSide((int) (edge / json.path("crop_pct").asDouble())), filter,
            Optional.of(crop.orElse(square)), normalization, reversed);
    }

    private static Size size(JsonNode size, String field) {
        if (size.isInt()) {
            return new Size(size.asInt(), size.asInt());
        }
        if (size.path("height").isInt() && size.path("width").isInt()) {
            return new Size(size.path("width").asInt(), size.path("height").asInt());
        }
        throw new BadInput(field + " is " + (size.isMissingNode() ? "missing" : size) + ", and a number, or height and width, are known");
    }

    /** Bytes are multiplied by a factor first; whichever it is, the same comes of {@code value / 255} with another mean and std. */
    private static Normalization normalization(JsonNode json) {
        double factor = BYTE * (json.path("do_rescale").asBoolean(true) ? json.path("rescale_factor").asDouble(1. / BYTE) : 1);
        boolean normalized = json.path("do_normalize").asBoolean(true);
        var mean = normalized ? floats(json, "image_mean") : new float[] {0, 0, 0};
        var std = normalized ? floats(json, "image_std") : new float[] {1, 1, 1};
        // 1 but for a rounding error stays what the file says, digit by digit.
        if (Math.abs(factor - 1) > 1e-6) {
            for (int c = 0; c < mean.length; c++) {
                mean[c] = (float) (mean[c] / factor);
                std[c] = (float) (std[c] / factor);
            }
        }
        return new Normalization(mean, std);
    }

    private static float[] floats(JsonNode json, String field) {
        var list = json.path(field);
        var values = new float[list.isNumber() ? 1 : list.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (list.isNumber() ? list : list.get(i)).asDouble(Double.NaN);
        }
        if (values.length == 0) {
            throw new BadInput(field + " is missing");
        }
        return values;
    }
}
