package dev.quantline.gradient.train;

import org.nd4j.linalg.schedule.ISchedule;

/** A schedule in the form that ND4J's updaters require. */
record ScheduledRate(double rate, Schedule schedule) implements ISchedule {
    @Override
    public double valueAt(int iteration, int epoch) {
        return rate * schedule.factor(iteration);
    }

    @Override
    public ISchedule clone() {
        return this;
    }
}
