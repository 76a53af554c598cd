package dev.quantline.onnx.runtime;

import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtProvider;
import ai.onnxruntime.OrtSession;
import dev.quantline.onnx.BadInput;

/** Where a session computes: the one switch between CPU and GPU. */
public sealed interface Provider {
    /** The processor, with this many threads; 0 means one per core. */
    record Cpu(int threads) implements Provider {}

    /** CUDA device number {@code device}, counted from 0. */
    record Cuda(int device) implements Provider {}

    /** All cores of the processor. */
    static Provider cpu() {
        return new Cpu(0);
    }

    /**
     * Reads {@code cpu}, {@code cpu:THREADS}, {@code cuda} or {@code cuda:DEVICE}.
     *
     * @throws BadInput for anything else
     */
    static Provider parse(String text) {
        var parts = text.split(":", 2);
        try {
            int number = parts.length > 1 ? Integer.parseUnsignedInt(parts[1]) : 0;
            switch (parts[0]) {
                case "cpu":
                    return new Cpu(number);
                case "cuda":
                    return new Cuda(number);
                default:
            }
        } catch (NumberFormatException e) {
            // Falls through to the message that names valid values.
        }
        throw new BadInput("provider '" + text + "' is unknown: use cpu, cpu:THREADS, cuda or cuda:DEVICE");
    }

    /**
     * Adds this provider to session options.
     *
     * @throws BadInput if CUDA is requested, but the runtime or the machine does not have it
     */
    default void addTo(OrtSession.SessionOptions options) throws OrtException {
        switch (this) {
            case Cpu(int threads) -> options.setIntraOpNumThreads(threads);
            case Cuda(int device) -> {
                if (!OrtEnvironment.getAvailableProviders().contains(OrtProvider.CUDA)) {
                    throw new BadInput(
                            "CUDA device " + device + " was requested, but this build of ONNX Runtime has no CUDA"
                                    + " provider: use the GPU image (onnxruntime_gpu on the class path), or provider cpu");
                }
                try {
                    options.addCUDA(device);
                } catch (OrtException e) {
                    throw new BadInput(
                            "CUDA device " + device + " cannot be used: " + e.getMessage()
                                    + " (needs an NVIDIA driver, CUDA 12 and cuDNN 9 libraries on the library path)",
                            e);
                }
            }
        }
    }
}
