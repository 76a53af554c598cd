package dev.quantline.bench.chaos;

import java.io.PrintStream;
import java.util.List;
import java.util.Map;

/**
 * What became of the jobs.
 *
 * @param lost            ended neither with a result nor at their user's request, or failed for good; with the reason
 * @param wrong           whose model differs from that of the undisturbed run
 * @param duplicated      for which two different models were announced
 * @param resubmitted     submissions again after a failure that may be tried again
 * @param extras          extra jobs, some of which were cancelled in time
 * @param slowestRecovery longest time from a fault to the next event of the pipeline, seconds
 */
record Verdict(
        int submitted,
        int done,
        List<String> lost,
        List<String> wrong,
        List<String> duplicated,
        int byteEqual,
        int resubmitted,
        int extras,
        int cancelled,
        double slowestRecovery,
        Map<Fault, Integer> faults) {

    boolean isGood() {
        return lost.isEmpty() && wrong.isEmpty() && duplicated.isEmpty();
    }

    void print(PrintStream out) {
        out.println("| jobs | |");
        out.println("|---|---|");
        row(out, "submitted", submitted);
        row(out, "done", done);
        row(out, "lost", lost.size());
        row(out, "wrong", wrong.size());
        row(out, "duplicated", duplicated.size());
        row(out, "byte-equal", byteEqual);
        row(out, "submitted again after a retryable failure", resubmitted);
        row(out, "extra jobs, cancelled in time", extras + ", " + cancelled);
        row(out, "slowest recovery, s", "%.1f".formatted(slowestRecovery));
        row(
                out,
                "kills",
                faults.entrySet().stream()
                        .filter(fault -> fault.getKey().isKill)
                        .mapToInt(Map.Entry::getValue)
                        .sum());
        out.println();
        out.println("| fault | times |");
        out.println("|---|---|");
        for (var fault : Fault.values()) {
            row(out, fault.words, faults.getOrDefault(fault, 0));
        }
        lost.forEach(job -> out.println("lost: " + job));
        wrong.forEach(job -> out.println("wrong: " + job));
        duplicated.forEach(job -> out.println("duplicated: " + job));
    }

    private static void row(PrintStream out, String name, Object value) {
        out.println("| " + name + " | " + value + " |");
    }

    /**
     * The longest time from a fault to the event that follows it, seconds.
     *
     * @param faults when faults happened, nanoseconds, ascending
     * @param moves  when events arrived, ascending; faults after the last do not count: there was nothing left to do
     */
    static double slowest(List<Long> faults, List<Long> moves) {
        long slowest = 0;
        int next = 0;
        for (long fault : faults) {
            while (next < moves.size() && moves.get(next) < fault) {
                next++;
            }
            if (next < moves.size()) {
                slowest = Math.max(slowest, moves.get(next) - fault);
            }
        }
        return slowest / 1e9;
    }
}
