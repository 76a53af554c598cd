package dev.quantline.pipeline.process;

import dev.quantline.pipeline.stage.JobLimit;
import dev.quantline.pipeline.stage.OverLimit;
import dev.quantline.pipeline.stage.ProcessDied;
import dev.quantline.pipeline.stage.Scratch;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.function.Consumer;

/** Children that wait for work, so that an item need not wait for a virtual machine to start. Thread-safe. */
public final class ChildProcesses implements AutoCloseable {
    /** More are kept only while they work: each holds its libraries in memory. */
    private static final int WAITING = 1;

    private final ConcurrentLinkedDeque<ChildProcess> waiting = new ConcurrentLinkedDeque<>();
    private final Scratch scratch;
    private volatile boolean closed;

    /** @param scratch for the temporary files of children; closed with them */
    public ChildProcesses(Scratch scratch) {
        this.scratch = scratch;
    }

    /** Starts a child before it is needed. */
    public void warm() {
        giveBack(ChildProcess.start(scratch.folder()));
    }

    /**
     * Has a child do an assignment.
     *
     * @param heard gets what the child says before its answer; an exception of it ends the child
     * @param pulse called about once a second meanwhile; an exception of it ends the child
     * @throws ProcessDied when the child ended without an answer
     * @throws OverLimit   when it took longer, was silent for longer, or needed more memory than allowed
     */
    Message answer(Assignment assignment, Consumer<Message> heard, Runnable pulse) {
        var idle = waiting.poll();
        var child = idle != null && idle.isAlive() ? idle : ChildProcess.start(scratch.folder());
        boolean usable = false;
        try {
            var answer = child.answer(assignment, heard, pulse);
            if (answer instanceof Message.OutOfMemory(var reason)) {
                throw new OverLimit("out of memory (" + reason + ")", JobLimit.ITEM_MEMORY);
            }
            usable = true;
            return answer;
        } finally {
            if (usable) {
                giveBack(child);
            } else {
                child.close();
                if (!closed) {
                    warm();
                }
            }
        }
    }

    private void giveBack(ChildProcess child) {
        waiting.push(child);
        while (waiting.size() > (closed ? 0 : WAITING)) {
            var surplus = waiting.pollLast();
            if (surplus != null) {
                surplus.close();
            }
        }
    }

    @Override
    public void close() {
        closed = true;
        for (var child = waiting.poll(); child != null; child = waiting.poll()) {
            child.close();
        }
        scratch.close();
    }
}
