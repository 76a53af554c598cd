package dev.quantline.onnx;

import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;

/**
 * Tensors in files beside a model. They are memory mapped when read, and written one after the other: none is ever copied as a
 * whole. A location that is absolute, leaves the model's folder or is a link is rejected.
 */
final class ExternalData {
    /** Tensors begin at multiples of a page, so that every reader can map them. */
    private static final long PAGE = 4096;
    /** Smaller tensors stay in the model, because readers need shapes and axes without another file. */
    private static final int SMALLEST = 1024;
    /** The JDK copies heap memory into direct memory of the same size before writing it. */
    private static final int CHUNK = 1 << 20;

    private ExternalData() {}

    static boolean isIn(TensorProto tensor) {
        return tensor.getDataLocation() == TensorProto.DataLocation.EXTERNAL;
    }

    /**
     * The file that contains a tensor, relative to the model's folder.
     *
     * @throws BadInput if it is not a path inside the folder
     */
    static Path location(TensorProto tensor) {
        String location = entries(tensor).getOrDefault("location", "");
        boolean named = !location.isEmpty() && location.indexOf('\0') < 0;
        var path = path(tensor, named ? location : "").normalize();
        if (!named
                || path.isAbsolute()
                || path.startsWith("..")
                || path.toString().isEmpty()) {
            throw refused(tensor, location);
        }
        return path;
    }

    private static Path path(TensorProto tensor, String location) {
        try {
            return Path.of(location);
        } catch (InvalidPathException e) {
            throw new BadInput(
                    "tensor '" + tensor.getName() + "': external data location '" + location
                            + "' is no file name in this locale: start Java with LC_ALL=C.UTF-8, or rename the file",
                    e);
        }
    }

    /**
     * The file that contains a tensor.
     *
     * @throws BadInput if it is missing, or not a plain file inside the folder
     */
    static Path file(Path folder, TensorProto tensor) {
        var location = location(tensor);
        var path = folder;
        for (var step : location) {
            path = path.resolve(step);
            if (Files.isSymbolicLink(path)) {
                throw refused(tensor, location.toString());
            }
        }
        if (!Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
            throw new BadInput("tensor '" + tensor.getName() + "': external data file '" + location + "' is missing");
        }
        return path;
    }

    private static BadInput refused(TensorProto tensor, String location) {
        return new BadInput("tensor '" + tensor.getName() + "': external data location '" + location
                + "' must be a plain file inside the model's folder");
    }

    /** The tensor, memory mapped. */
    static Tensor read(Path folder, TensorProto tensor) {
        var entries = entries(tensor);
        var path = file(folder, tensor);
        try (var channel = FileChannel.open(path, StandardOpenOption.READ)) {
            var type = DataType.of(tensor.getDataType());
            var shape = tensor.getDimsList().stream().mapToLong(Long::longValue).toArray();
            long offset = Long.parseLong(entries.getOrDefault("offset", "0"));
            long length = entries.containsKey("length")
                    ? Long.parseLong(entries.get("length"))
                    : type.bytes(Tensor.count(shape));
            if (offset < 0 || length < 0 || length > channel.size() || offset > channel.size() - length) {
                throw new BadInput(
                        "external data '" + entries.get("location") + "' is shorter than the tensor requires");
            }
            if (length > Integer.MAX_VALUE) {
                throw new BadInput("takes " + length + " bytes, but one tensor can take at most 2 GB");
            }
            return new Tensor(type, shape, channel.map(FileChannel.MapMode.READ_ONLY, offset, length));
        } catch (BadInput bad) {
            throw new BadInput("tensor '" + tensor.getName() + "': " + bad.getMessage(), bad);
        } catch (IOException | NumberFormatException | ArithmeticException e) {
            throw new BadInput(
                    "tensor '" + tensor.getName() + "': external data '" + entries.get("location")
                            + "' cannot be read (" + e.getMessage() + ")",
                    e);
        }
    }

    private static Map<String, String> entries(TensorProto tensor) {
        var entries = new HashMap<String, String>();
        tensor.getExternalDataList().forEach(entry -> entries.put(entry.getKey(), entry.getValue()));
        return entries;
    }

    /** Whether a tensor is large enough to be stored beside the model. */
    static boolean fits(Tensor tensor) {
        return tensor.data().capacity() >= SMALLEST;
    }

    /** The declaration of a tensor that begins at {@code offset} in a file beside the model. */
    static TensorProto declared(String name, Tensor tensor, String location, long offset) {
        return TensorProtos.header(name, tensor)
                .setDataLocation(TensorProto.DataLocation.EXTERNAL)
                .addExternalData(entry("location", location))
                .addExternalData(entry("offset", Long.toString(offset)))
                .addExternalData(entry("length", Integer.toString(tensor.data().capacity())))
                .build();
    }

    private static StringStringEntryProto entry(String key, String value) {
        return StringStringEntryProto.newBuilder().setKey(key).setValue(value).build();
    }

    /** Appends a tensor to a file and returns the offset at which it begins. */
    static long append(FileChannel file, Tensor tensor) throws IOException {
        long offset = Math.ceilDiv(file.size(), PAGE) * PAGE;
        long at = offset;
        for (ByteBuffer data = tensor.data(); data.hasRemaining(); ) {
            var chunk = data.slice(data.position(), Math.min(CHUNK, data.remaining()));
            data.position(data.position() + chunk.remaining());
            while (chunk.hasRemaining()) {
                at += file.write(chunk, at);
            }
        }
        return offset;
    }
}
