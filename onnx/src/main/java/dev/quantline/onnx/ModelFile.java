package dev.quantline.onnx;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.SparseTensorProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.UnsafeByteOperations;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Reads and writes {@code .onnx} files, memory mapped: tensors are views of the file and of the files beside it. A location of
 * external data that is absolute, leaves the model's folder or is a link is rejected.
 */
public final class ModelFile {
    /** Largest size of one protobuf message. */
    private static final long LARGEST = Integer.MAX_VALUE;

    private ModelFile() {}

    /**
     * Reads a model.
     *
     * @throws BadInput    if the file is not ONNX, is truncated, or refers to external data that must not be read
     * @throws IOException if the disk fails
     */
    public static Graph read(Path file) throws IOException {
        var model = parse(file);
        var folder = file.toAbsolutePath().getParent();
        return Graph.of(
                model,
                tensor ->
                        ExternalData.isIn(tensor) ? ExternalData.read(folder, tensor) : TensorProtos.fromProto(tensor));
    }

    /**
     * Names of the files beside the model that contain its external tensors; usually empty.
     *
     * @throws BadInput if one is missing, or not a plain file inside the model's folder
     */
    public static Set<String> externalFiles(Path file) throws IOException {
        return external(file, tensor -> ExternalData.file(file.toAbsolutePath().getParent(), tensor));
    }

    /**
     * Size in bytes, with the files beside it that contain its external tensors.
     *
     * @throws BadInput as {@link #externalFiles}
     */
    public static long bytes(Path file) throws IOException {
        long bytes = Files.size(file);
        for (var name : externalFiles(file)) {
            bytes += Files.size(file.resolveSibling(name));
        }
        return bytes;
    }

    /**
     * Only the names, of files that may not exist yet.
     *
     * @throws BadInput if one is not a path inside the model's folder
     */
    public static Set<String> externalNames(Path file) throws IOException {
        return external(file, tensor -> {});
    }

    /**
     * The operators that a model calls, one entry per call, including bodies of If, Loop and Scan. Tensors are not
     * read.
     *
     * @throws BadInput if the file is not ONNX
     */
    public static List<String> operators(Path file) throws IOException {
        var operators = new ArrayList<String>();
        addOperators(message(file).getGraph(), operators);
        return operators;
    }

    private static void addOperators(GraphProto graph, List<String> operators) {
        for (var node : graph.getNodeList()) {
            operators.add(node.getOpType());
            Bodies.of(node).forEach(body -> addOperators(body, operators));
        }
    }

    private static Set<String> external(Path file, Consumer<TensorProto> check) throws IOException {
        var names = new LinkedHashSet<String>();
        for (var tensor : parse(file).getGraph().getInitializerList()) {
            if (ExternalData.isIn(tensor)) {
                names.add(ExternalData.location(tensor).toString());
                check.accept(tensor);
            }
        }
        return names;
    }

    private static ModelProto parse(Path file) throws IOException {
        var model = message(file);
        ModelCheck.check(model);
        refuseHidden(model.getGraph().getNodeList());
        model.getGraph().getSparseInitializerList().forEach(ModelFile::refuseExternal);
        model.getFunctionsList().forEach(function -> refuseHidden(function.getNodeList()));
        return model;
    }

    private static ModelProto message(Path file) throws IOException {
        ModelProto model;
        try (var channel = FileChannel.open(file, StandardOpenOption.READ)) {
            if (channel.size() > LARGEST) {
                throw new BadInput(file.getFileName() + " is larger than 2 GB: export the model with external data");
            }
            var coded = UnsafeByteOperations.unsafeWrap(channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size()))
                    .newCodedInput();
            coded.setSizeLimit(Integer.MAX_VALUE);
            coded.enableAliasing(true);
            model = ModelProto.parseFrom(coded);
        } catch (InvalidProtocolBufferException e) {
            throw new BadInput(
                    file.getFileName() + " is not an ONNX model or is truncated (" + e.getMessage()
                            + "): export it again",
                    e);
        }
        if (!model.hasGraph() || model.getOpsetImportCount() == 0) {
            throw new BadInput(file.getFileName() + " is not an ONNX model: it has no graph or no operator set");
        }
        return model;
    }

    /** Only initializers of the main graph may be in other files: locations of other tensors are not checked. */
    private static void refuseHidden(List<NodeProto> nodes) {
        for (var node : nodes) {
            for (var attribute : node.getAttributeList()) {
                refuseExternal(attribute.getT());
                attribute.getTensorsList().forEach(ModelFile::refuseExternal);
                refuseExternal(attribute.getSparseTensor());
                attribute.getSparseTensorsList().forEach(ModelFile::refuseExternal);
                Bodies.of(attribute).forEach(ModelFile::refuseHidden);
            }
        }
    }

    private static void refuseHidden(GraphProto body) {
        body.getInitializerList().forEach(ModelFile::refuseExternal);
        body.getSparseInitializerList().forEach(ModelFile::refuseExternal);
        refuseHidden(body.getNodeList());
    }

    private static void refuseExternal(SparseTensorProto sparse) {
        refuseExternal(sparse.getValues());
        refuseExternal(sparse.getIndices());
    }

    private static void refuseExternal(TensorProto tensor) {
        if (ExternalData.isIn(tensor)) {
            throw new BadInput("tensor '" + tensor.getName() + "' inside a node keeps its data in another file: only"
                    + " initializers of the main graph may; export the model with the others inline");
        }
    }

    /** Size in bytes of the model with inline tensors, to within a few bytes per tensor, computed without copying anything. */
    public static long size(Graph graph) {
        // The lengths of the bytes and of the tensor around them are each encoded in up to five bytes.
        long data = graph.initializers().values().stream()
                .mapToLong(tensor -> tensor.data().capacity())
                .map(bytes -> bytes + (bytes < 128 ? 2 : 6))
                .sum();
        return data
                + graph.toProto((name, tensor) ->
                                TensorProtos.header(name, tensor).build())
                        .getSerializedSize();
    }

    /**
     * Writes a model; above protobuf's limit of 2 GB, its tensors go to {@code NAME.data} beside it. Existing files are replaced
     * atomically, and remain intact for readers that have them mapped.
     *
     * @return the files written, the model first
     */
    public static List<Path> write(Graph graph, Path file) throws IOException {
        return write(graph, file, LARGEST);
    }

    /** @param largestInline bytes above which tensors go to a separate file */
    static List<Path> write(Graph graph, Path file, long largestInline) throws IOException {
        if (size(graph) <= largestInline) {
            write(graph.toProto(), file);
            return List.of(file);
        }
        var data = file.resolveSibling(file.getFileName() + ".data");
        var part = part(data);
        var offsets = new HashMap<String, Long>();
        try (var channel = FileChannel.open(
                part, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            for (var entry : graph.initializers().entrySet()) {
                if (ExternalData.fits(entry.getValue())) {
                    offsets.put(entry.getKey(), ExternalData.append(channel, entry.getValue()));
                }
            }
        }
        Files.move(part, data, StandardCopyOption.REPLACE_EXISTING);
        String location = data.getFileName().toString();
        write(
                graph.toProto((name, tensor) -> offsets.containsKey(name)
                        ? ExternalData.declared(name, tensor, location, offsets.get(name))
                        : TensorProtos.toProto(name, tensor)),
                file);
        return List.of(file, data);
    }

    private static void write(ModelProto model, Path file) throws IOException {
        var part = part(file);
        try (var out = new BufferedOutputStream(Files.newOutputStream(part))) {
            model.writeTo(out);
        }
        Files.move(part, file, StandardCopyOption.REPLACE_EXISTING);
    }

    private static Path part(Path file) {
        return file.resolveSibling(file.getFileName() + ".part");
    }
}
