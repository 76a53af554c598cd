package dev.quantline.onnx;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.SparseTensorProto;
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
import java.util.List;
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
        refuseHidden(model.getGraph().getNodeList());
        model.getGraph().getSparseInitializerList().forEach(ModelFile::refuseExternal);
        model.getFunctionsList().forEach(function -> refuseHidden(function.getNodeList()));
        return model;
    }

    /** Only initializers of the main graph may live in other files: nobody checks the places where others point to. */
    private static void refuseHidden(List<NodeProto> nodes) {
        for (var node : nodes) {
            for (var attribute : node.getAttributeList()) {
                refuseExternal(attribute.getT());
                attribute.getTensorsList().forEach(ModelFile::refuseExternal);
                refuseExternal(attribute.getSparseTensor());
                attribute.getSparseTensorsList().forEach(ModelFile::refuseExternal);
                refuseHidden(attribute.getG());
                attribute.getGraphsList().forEach(ModelFile::refuseHidden);
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
        if (tensor.getDataLocation() == TensorProto.DataLocation.EXTERNAL) {
            throw new BadInput("tensor '" + tensor.getName() + "' inside a node keeps its data in another file: only"
                + " initializers of the main graph may, export the model with the others inline");
        }
    }

    private static Tensor mapped(Path folder, TensorProto tensor) {
        var entries = entries(tensor);
        var path = inside(folder, tensor, entries);
        try (var channel = FileChannel.open(path, StandardOpenOption.READ)) {
            var type = DataType.of(tensor.getDataType());
            var shape = tensor.getDimsList().stream().mapToLong(Long::longValue).toArray();
            long offset = Long.parseLong(entries.getOrDefault("offset", "0"));
            long length = entries.containsKey("length") ? Long.parseLong(entries.get("length")) : type.bytes(Tensor.count(shape));
            if (offset < 0 || length < 0 || length > channel.size() || offset > channel.size() - length) {
                throw new BadInput("external data '" + entries.get("location") + "' is shorter than the tensor needs");
            }
            if (length > Integer.MAX_VALUE) {
                throw new BadInput("takes " + length + " bytes, and one tensor may take 2 GB");
            }
            return new Tensor(type, shape, channel.map(FileChannel.MapMode.READ_ONLY, offset, length));
        } catch (BadInput bad) {
            throw new BadInput("tensor '" + tensor.getName() + "': " + bad.getMessage(), bad);
        } catch (IOException | NumberFormatException | ArithmeticException e) {
            throw new BadInput("tensor '" + tensor.getName() + "': external data '" + entries.get("location")
                + "' cannot be read (" + e.getMessage() + ")", e);
        }
    }

    private static Map<String, String> entries(TensorProto tensor) {
        var entries = new HashMap<String, String>();
        tensor.getExternalDataList().forEach(entry -> entries.put(entry.getKey(), entry.getValue()));
        return entries;
    }

    private static Path inside(Path folder, TensorProto tensor, Map<String, String> entries) {
        String location = entries.getOrDefault("location", "");
        boolean named = !location.isEmpty() && location.indexOf('\0') < 0;
        var path = folder.resolve(named ? location : ".").normalize();
        boolean allowed = named && !Path.of(location).isAbsolute() && path.startsWith(folder.normalize());
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

    /** Bytes the model takes with inline tensors, to within a few bytes a tensor; nothing is copied for it. */
    public static long size(Graph graph) {
        long data = 0;
        for (var tensor : graph.initializers().values()) {
            data += tensor.data().capacity();
        }
        // Lengths of the bytes themselves, and of the tensor around them, are written as up to five bytes each.
        long lengths = graph.initializers().values().stream().mapToLong(tensor -> tensor.data().capacity() < 128 ? 2 : 6).sum();
        return data + lengths + graph.toProto((name, tensor) -> TensorProtos.header(name, tensor).build()).getSerializedSize();
    }

    /** Writes the model with inline tensors. */
    public static void write(Graph graph, Path file) throws IOException {
        try (var out = new BufferedOutputStream(Files.newOutputStream(file))) {
            graph.toProto().writeTo(out);
        }
    }
}
