package dev.quantline.bench.robustness;

import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.rewrite.Canonical;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.NpzArrays;
import dev.quantline.pipeline.event.EventCodec;
import dev.quantline.pipeline.event.Unreadable;
import dev.quantline.pipeline.job.JobReader;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.quantize.allocate.Candidates;
import dev.quantline.quantize.allocate.Sensitivities;
import dev.quantline.quantize.plan.CalibrationTable;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.profile.Profile;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.Recipe;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

/**
 * A reader of what comes from outside, and the exceptions by which it says no. None of them runs native code: what ends a process
 * would end the fuzzer with it.
 */
enum Target {
    /** An ONNX file, as far as Java looks at it: up to what the official checker is shown. */
    MODEL(Target::model, BadInput.class),
    /** An {@code .npz} file: headers, every array in pieces, and all as a data set. */
    ARCHIVE(Target::archive, BadInput.class),
    /** The value of a record with a job request, bare or as an event. */
    JOB(Target::job, BadInput.class, Unreadable.class),
    /** JSON that stages keep in the store and read back. */
    STORED(Target::stored, BadInput.class, UncheckedIOException.class),
    /** The value of a record of any other topic. */
    EVENT(Target::event, Unreadable.class);

    /** Rows of a batch of a data set. */
    private static final int BATCH = 3;

    private static final List<StoredReader> STORED_READERS = List.of(
            (folder, bytes) -> QuantizationPlan.read(folder.write("plan.json", bytes)),
            (folder, bytes) -> Candidates.read(folder.write("candidates.json", bytes)),
            (folder, bytes) -> CalibrationTable.read(folder.write("table.json", bytes)),
            (folder, bytes) -> Profile.read(folder.write("profile.json", bytes)),
            (folder, bytes) -> Sensitivities.read(folder.write("sensitivities.json", bytes)),
            (_, bytes) -> Json.read(bytes, Recipe.class),
            (_, bytes) -> Json.read(bytes, JobRequest.class));

    private final Reader reader;
    private final Set<Class<? extends Exception>> refusals;

    @SafeVarargs
    Target(Reader reader, Class<? extends Exception>... refusals) {
        this.reader = reader;
        this.refusals = Set.of(refusals);
    }

    /** Reads one input, alone in its folder. */
    interface Reader {
        void read(Sandbox folder, byte[] bytes) throws IOException;
    }

    private interface StoredReader {
        Object read(Sandbox folder, byte[] bytes) throws IOException;
    }

    /** As commands and folders call it. */
    String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Reads one input and says what became of it; nothing that is thrown gets out, errors of the virtual machine included. */
    Verdict judge(Sandbox folder, byte[] input) {
        return judge(folder, input, reader, refusals);
    }

    static Verdict judge(Sandbox folder, byte[] input, Reader reader, Set<Class<? extends Exception>> refusals) {
        try {
            reader.read(folder, input);
            folder.check();
            return Verdict.ACCEPTED;
        } catch (Throwable thrown) {
            return refusals.contains(thrown.getClass()) && says(thrown.getMessage())
                    ? Verdict.refused(thrown.getMessage())
                    : Verdict.failed(thrown);
        }
    }

    /** Whether a message has more than a word or two, for somebody to go by. */
    static boolean says(String message) {
        return message != null && message.strip().split("\\s+").length > 2;
    }

    private static void model(Sandbox folder, byte[] bytes) throws IOException {
        var file = folder.write("model.onnx", bytes);
        if (isConvertedNatively(bytes)) {
            return;
        }
        var graph = ModelFile.read(file);
        graph.initializers().forEach(Sandbox::refuseCanary);
        Canonical.standard(graph).toProto();
        ModelFile.operators(file);
        ModelFile.externalFiles(file);
    }

    /** Functions in another version of ONNX's operators than the model go through the native library as they are read. */
    private static boolean isConvertedNatively(byte[] bytes) {
        try {
            var model = ModelProto.parseFrom(bytes);
            var given = versions(model.getOpsetImportList());
            return model.getFunctionsList().stream()
                    .map(function -> versions(function.getOpsetImportList()))
                    .anyMatch(versions -> !versions.isEmpty() && !versions.equals(given));
        } catch (InvalidProtocolBufferException e) {
            return false;
        }
    }

    private static Set<Long> versions(List<OperatorSetIdProto> imports) {
        return imports.stream()
                .filter(imported -> Set.of("", "ai.onnx").contains(imported.getDomain()))
                .map(OperatorSetIdProto::getVersion)
                .collect(Collectors.toSet());
    }

    private static void archive(Sandbox folder, byte[] bytes) throws IOException {
        var file = folder.write("data.npz", bytes);
        try (var arrays = NpzArrays.open(file)) {
            for (var array : arrays.list()) {
                if (LongStream.of(array.shape()).allMatch(size -> size < 1 << 20)) {
                    arrays.forEachPiece(array.name(), piece -> piece.size());
                }
            }
        }
        try (var data = Dataset.open(List.of(file))) {
            data.forEachBatch(0, Math.min(data.size(), 4 * BATCH), BATCH, batch -> batch.arrays());
            for (String target : Dataset.TARGETS) {
                if (data.has(target)) {
                    data.target(target);
                }
            }
        }
    }

    private static void job(Sandbox folder, byte[] bytes) {
        var job = JobReader.read(EventCodec.jobRequest(bytes), "given");
        job.settings();
        Json.read(Json.bytes(job), JobRequest.class);
    }

    /** Every reader is given the same bytes: one of them may take them for its own. */
    private static void stored(Sandbox folder, byte[] bytes) throws IOException {
        RuntimeException refusal = null;
        int taken = 0;
        for (var reader : STORED_READERS) {
            try {
                Json.bytes(Objects.requireNonNull(reader.read(folder, bytes), "read as null"));
                taken++;
            } catch (BadInput | UncheckedIOException refused) {
                refusal = refused;
            }
        }
        if (taken == 0 && refusal != null) {
            throw refusal;
        }
    }

    private static void event(Sandbox folder, byte[] bytes) {
        EventCodec.encode(EventCodec.decode(bytes));
    }
}
