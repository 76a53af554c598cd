package dev.quantline.onnx.runtime;

import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtProvider;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.providers.OrtCUDAProviderOptions;
import dev.quantline.onnx.BadInput;

/** Where a session computes: the one switch between CPU and GPU. */
public sealed interface Provider {
    /** The processor, with this many threads; 0 means one per core. */
    record Cpu(int threads) implements Provider {
        @Override
        public String toString() {
            return "cpu" + (threads > 0 ? ":" + threads : "");
        }
    }

    /**
     * A CUDA device.
     *
     * @param device    its number, counted from 0
     * @param megabytes of its memory that ONNX Runtime may take for tensors; 0 means all
     */
    record Cuda(int device, int megabytes) implements Provider {
        @Override
        public String toString() {
            return "cuda:" + device + (megabytes > 0 ? ":" + megabytes : "");
        }
    }

    /** All cores of the processor. */
    static Provider cpu() {
        return new Cpu(0);
    }

    /**
     * Reads {@code cpu}, {@code cpu:THREADS}, {@code cuda}, {@code cuda:DEVICE} or {@code cuda:DEVICE:MEGABYTES}.
     *
     * @throws BadInput for anything else
     */
    static Provider parse(String text) {
        var parts = text.split(":", -1);
        try {
            if (parts[0].equals("cpu") && parts.length <= 2) {
                return new Cpu(number(parts, 1));
            }
            if (parts[0].equals("cuda") && parts.length <= 3) {
                return new Cuda(number(parts, 1), number(parts, 2));
            }
        } catch (NumberFormatException e) {
            // Falls through to the message that names valid values.
        }
        throw new BadInput(
                "provider '" + text + "' is unknown: use cpu, cpu:THREADS, cuda, cuda:DEVICE or cuda:DEVICE:MEGABYTES");
    }

    private static int number(String[] parts, int at) {
        return at < parts.length ? Integer.parseUnsignedInt(parts[at]) : 0;
    }

    /** @throws BadInput if this is CUDA, and the runtime or the machine does not have it */
    default void check() {
        if (this instanceof Cuda) {
            try (var options = new OrtSession.SessionOptions()) {
                addTo(options);
            } catch (OrtException e) {
                throw new BadInput(this + " cannot be used: " + e.getMessage(), e);
            }
        }
    }

    /**
     * Adds this provider to session options. On a GPU, products are computed in full float32, not in TF32, convolutions by the default
     * algorithm, not by the one that a timing finds, and always in the same order, so that results repeat.
     *
     * @throws BadInput if CUDA is requested, but the runtime or the machine does not have it
     */
    default void addTo(OrtSession.SessionOptions options) throws OrtException {
        switch (this) {
            case Cpu(int threads) -> options.setIntraOpNumThreads(threads);
            case Cuda(int device, int megabytes) -> {
                if (!OrtEnvironment.getAvailableProviders().contains(OrtProvider.CUDA)) {
                    throw new BadInput(
                            "CUDA device " + device + " was requested, but this build of ONNX Runtime has no CUDA"
                                    + " provider: build with QUANTLINE_GPU=1, which takes onnxruntime_gpu (docs/gpu.md),"
                                    + " or use provider cpu");
                }
                try (var cuda = new OrtCUDAProviderOptions(device)) {
                    cuda.add("use_tf32", "0");
                    cuda.add("cudnn_conv_algo_search", "DEFAULT");
                    cuda.add("arena_extend_strategy", "kSameAsRequested");
                    if (megabytes > 0) {
                        cuda.add("gpu_mem_limit", String.valueOf((long) megabytes << 20));
                    }
                    options.addCUDA(cuda);
                } catch (OrtException e) {
                    throw new BadInput(
                            "CUDA device " + device + " cannot be used: " + e.getMessage()
                                    + " (needs an NVIDIA driver, CUDA 12 and cuDNN 9 libraries on the library path)",
                            e);
                }
                options.setDeterministicCompute(true);
                // What a run needs is planned for the shapes of the first; ours differ from batch to batch.
                options.setMemoryPatternOptimization(false);
            }
        }
    }
}
