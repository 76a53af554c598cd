package dev.quantline.onnx;

import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;

/**
 * Reads and writes {@code .onnx} files. Tensors kept in files beside the model are memory mapped; a location that is
 * absolute, climbs out of the model's folder or is a link is refused.
 */
public final class ModelFile {
    private ModelFile() {
    }

    /**
     * Reads a model.
     *
     * @throws BadInput    when the file is not ONNX, is cut short, or names external data that may not be followed
     * @throws IOException when the disk fails
     */
    public static Graph read(Path file) throws IOException {
        var model = parse(file);
        var folder = file.toAbsolutePath().getParent();
        return Graph.of(model, tensor -> tensor.getDataLocation() == TensorProto.DataLocation.EXTERNAL
            ? mapped(folder, tensor) : TensorProtos.fromProto(tensor));
    }

    /** Names of the files beside the model that hold its external tensors; empty for most models. */
    public static Set<String> externalFiles(Path file) throws IOException {
        var names = new LinkedHashSet<String>();
        for (var tensor : parse(file).getGraph().getInitializerList()) {
            if (tensor.getDataLocation() == TensorProto.DataLocation.EXTERNAL) {
                inside(file.toAbsolutePath().getParent(), tensor, entries(tensor));
                names.add(entries(tensor).get("location"));
            }
        }
        return names;
    }

    private static ModelProto parse(Path file) throws IOException {
        ModelProto model;
        try (var in = Files.newInputStream(file)) {
            var coded = CodedInputStream.newInstance(in);
            coded.setSizeLimit(Integer.MAX_VALUE);
            model = ModelProto.parseFrom(coded);
        } catch (InvalidProtocolBufferException e) {
            throw new BadInput(file.getFileName() + " is not an ONNX model or is cut short (" + e.getMessage()
                + "): export it again", e);
        }
        if (!model.hasGraph() || model.getOpsetImportCount() == 0) {
            throw new BadInput(file.getFileName() + " is not an ONNX model: it has no graph or no operator set");
        }
        return model;
    }

    private static Tensor mapped(Path folder, TensorProto tensor) {
        var entries = entries(tensor);
        var path = inside(folder, tensor, entries);
        var type = DataType.of(tensor.getDataType());
        var shape = tensor.getDimsList().stream().mapToLong(Long::longValue).toArray();
        try (var channel = FileChannel.open(path, StandardOpenOption.READ)) {
            long offset = Long.parseLong(entries.getOrDefault("offset", "0"));
            long length = entries.containsKey("length") ? Long.parseLong(entries.get("length")) : type.bytes(Tensor.count(shape));
            if (offset < 0 || length < 0 || offset + length > channel.size()) {
                throw new BadInput("tensor '" + tensor.getName() + "': external data '" + entries.get("location")
                    + "' is shorter than the tensor needs");
            }
            return new Tensor(type, shape, channel.map(FileChannel.MapMode.READ_ONLY, offset, length));
        } catch (IOException | NumberFormatException e) {
            throw new BadInput("tensor '" + tensor.getName() + "': external data '" + entries.get("location")
                + "' cannot be read", e);
        }
    }

    private static Map<String, String> entries(TensorProto tensor) {
        var entries = new HashMap<String, String>();
        tensor.getExternalDataList().forEach(entry -> entries.put(entry.getKey(), entry.getValue()));
        return entries;
    }

    private static Path inside(Path folder, TensorProto tensor, Map<String, String> entries) {
        String location = entries.getOrDefault("location", "");
        var path = folder.resolve(location).normalize();
        boolean allowed = !location.isEmpty() && !Path.of(location).isAbsolute() && path.startsWith(folder.normalize());
        for (var step = path; allowed && !step.equals(folder.normalize()); step = step.getParent()) {
            allowed = !Files.isSymbolicLink(step);
        }
        if (!allowed) {
            throw new BadInput("tensor '" + tensor.getName() + "': external data location '" + location
                + "' must be a plain file inside the model's folder");
        }
        if (!Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
            throw new BadInput("tensor '" + tensor.getName() + "': external data file '" + location + "' is missing");
        }
        return path;
    }

    /** Writes the model with inline tensors. */
    public static void write(Graph graph, Path file) throws IOException {
        try (var out = new BufferedOutputStream(Files.newOutputStream(file))) {
            graph.toProto().writeTo(out);
        }
    }
}
