package dev.quantline.gradient.train;

import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.Nesterovs;
import org.nd4j.linalg.learning.config.Sgd;

/** How gradients change their tensors, computed by ND4J. Learning rates are multiplied by the run's {@link Schedule}. */
public sealed interface Optimizer {
    /** Learning rate before the schedule. */
    double rate();

    /** Adam (arXiv 1412.6980). */
    record Adaptive(double rate, double beta1, double beta2, double epsilon) implements Optimizer {}

    /** Adam with decoupled weight decay (arXiv 1711.05101): before each step the tensor shrinks by rate times decay. */
    record AdaptiveDecay(double rate, double beta1, double beta2, double epsilon, double decay) implements Optimizer {}

    /** Stochastic gradient descent with Nesterov momentum; plain if momentum is 0. */
    record Descent(double rate, double momentum) implements Optimizer {}

    /** Adam with its usual constants. */
    static Optimizer adam(double rate) {
        return new Adaptive(rate, 0.9, 0.999, 1e-8);
    }

    /** AdamW with its usual constants. */
    static Optimizer adamW(double rate, double decay) {
        return new AdaptiveDecay(rate, 0.9, 0.999, 1e-8, decay);
    }

    /** SGD; momentum 0 means none. */
    static Optimizer sgd(double rate, double momentum) {
        return new Descent(rate, momentum);
    }

    /** The fraction by which tensors shrink per step, to be multiplied by the current learning rate. */
    default double decay() {
        return this instanceof AdaptiveDecay adamW ? adamW.decay() : 0;
    }

    /** ND4J's configuration, with a learning rate that follows {@code schedule} over iterations. */
    default IUpdater updater(Schedule schedule) {
        var rates = new ScheduledRate(rate(), schedule);
        return switch (this) {
            case Adaptive(double rate, double beta1, double beta2, double epsilon) ->
                Adam.builder()
                        .learningRateSchedule(rates)
                        .beta1(beta1)
                        .beta2(beta2)
                        .epsilon(epsilon)
                        .build();
            case AdaptiveDecay(double rate, double beta1, double beta2, double epsilon, double decay) ->
                Adam.builder()
                        .learningRateSchedule(rates)
                        .beta1(beta1)
                        .beta2(beta2)
                        .epsilon(epsilon)
                        .build();
            case Descent(double rate, double momentum) ->
                momentum == 0 ? new Sgd(rates) : new Nesterovs(rates, momentum);
        };
    }
}
