package dev.quantline.bench.chaos;

import java.util.Random;

/** What is done to the cluster. */
enum Fault {
    CHILD_KILLED("kill -9 of the process of an item", 50, true),
    SERVICE_KILLED("kill -9 of a service", 22, true),
    STORE_KILLED("kill -9 of the store", 5, true),
    BROKER_KILLED("kill -9 of the broker", 3, true),
    SERVICE_STOPPED("a service stopped for seconds", 6, false),
    STORE_SLOW("a slow store", 4, false),
    STORE_ERRORS("a store that answers 500 or 503", 4, false),
    DUPLICATE("a job submitted twice", 3, false),
    CANCELLED("an extra job, cancelled", 3, false);

    final String words;
    final boolean isKill;
    private final int weight;

    Fault(String words, int weight, boolean isKill) {
        this.words = words;
        this.weight = weight;
        this.isKill = isKill;
    }

    /** By weight. */
    static Fault drawn(Random random) {
        int total = 0;
        for (var fault : values()) {
            total += fault.weight;
        }
        int rest = random.nextInt(total);
        for (var fault : values()) {
            rest -= fault.weight;
            if (rest < 0) {
                return fault;
            }
        }
        throw new AssertionError();
    }
}
