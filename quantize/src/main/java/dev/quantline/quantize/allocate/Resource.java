package dev.quantline.quantize.allocate;

import java.util.function.ToDoubleFunction;

/** Costs of an option, which a budget may limit. */
enum Resource {
    SIZE("size", "%.0f bytes", Table.Option::bytes),
    BIT_OPERATIONS("bit operations", "%.4g", Table.Option::bitOperations),
    LATENCY("latency", "%.4f ms", Table.Option::milliseconds),
    LOSS("loss", "%.6g", Table.Option::loss);

    private final String label;
    private final String format;
    private final ToDoubleFunction<Table.Option> cost;

    Resource(String label, String format, ToDoubleFunction<Table.Option> cost) {
        this.label = label;
        this.format = format;
        this.cost = cost;
    }

    String label() {
        return label;
    }

    String show(double amount) {
        return format.formatted(amount);
    }

    /** The total of an allocation, fixed parts included. */
    double of(Allocation allocation) {
        return switch (this) {
            case SIZE -> allocation.bytes();
            case BIT_OPERATIONS -> allocation.bitOperations();
            case LATENCY -> allocation.milliseconds();
            case LOSS -> allocation.loss();
        };
    }

    double of(Table.Option option) {
        return cost.applyAsDouble(option);
    }

    /** The part that no choice changes. */
    double fixed(Table table) {
        return this == SIZE ? table.fixed() : 0;
    }

    /** The limit of a budget; infinity if it has none. */
    double limit(Budget budget) {
        Number limit = switch (this) {
            case SIZE -> budget.bytes();
            case BIT_OPERATIONS -> budget.bitOperations();
            case LATENCY -> budget.milliseconds();
            case LOSS -> budget.loss();
        };
        return limit == null ? Double.POSITIVE_INFINITY : limit.doubleValue();
    }
}
