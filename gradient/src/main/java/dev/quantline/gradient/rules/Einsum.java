package dev.quantline.gradient.rules;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Einsum: the gradient of an operand is an Einsum with the operand and the result exchanged. An index that only this
 * operand has was summed in the forward pass and is repeated in the backward pass. Diagonals (an index twice in one
 * operand) are rejected.
 */
final class Einsum {
    private Einsum() {}

    static void backward(BackwardContext context) {
        var terms = terms(context);
        String result = terms.removeLast();
        for (int i = 0; i < terms.size(); i++) {
            if (context.wants(i)) {
                context.give(i, gradient(context, terms, result, i));
            }
        }
    }

    private static String gradient(BackwardContext context, List<String> terms, String result, int i) {
        var e = context.emitter();
        var equation = new StringBuilder(result);
        var operands = new ArrayList<>(List.of(context.dy()));
        for (int other = 0; other < terms.size(); other++) {
            if (other != i) {
                equation.append(',').append(terms.get(other));
                operands.add(context.in(other));
            }
        }
        var reachable = new StringBuilder();
        var repeated = new ArrayList<Long>();
        for (int axis = 0; axis < terms.get(i).length(); axis++) {
            char letter = terms.get(i).charAt(axis);
            if (equation.indexOf(String.valueOf(letter)) >= 0) {
                reachable.append(letter);
            } else {
                repeated.add((long) axis);
            }
        }
        String gradient =
                e.op("Einsum", Map.of("equation", equation + "->" + reachable), operands.toArray(String[]::new));
        if (repeated.isEmpty()) {
            return gradient;
        }
        String axes = e.ints(repeated.stream().mapToLong(Long::longValue).toArray());
        return e.expandLike(e.op("Unsqueeze", gradient, axes), context.in(i));
    }

    /** Index letters of every operand, then of the result; an ellipsis is replaced by unused letters. */
    private static List<String> terms(BackwardContext context) {
        String equation = context.node().stringOf("equation", "").replace(" ", "");
        var sides = equation.split("->", -1);
        var terms = new ArrayList<>(List.of(sides[0].split(",", -1)));
        int broadcast = 0;
        for (int i = 0; i < terms.size(); i++) {
            if (terms.get(i).contains("...")) {
                int axes = context.shapes().rank(context.in(i)) - (terms.get(i).length() - 3);
                if (broadcast != 0 && axes != broadcast) {
                    throw context.refusal("the ellipsis of '" + equation + "' stands for different numbers of axes");
                }
                broadcast = axes;
            }
        }
        terms.add(sides.length > 1 ? sides[1] : implicit(terms));
        String spelled = unused(equation, broadcast);
        terms.replaceAll(term -> term.replace("...", spelled));
        for (String term : terms) {
            if (term.chars().distinct().count() < term.length()) {
                throw context.refusal("'" + equation + "' takes a diagonal");
            }
        }
        return terms;
    }

    /** Without an arrow, the result has the ellipsis, then every index that occurs exactly once, in alphabetical order. */
    private static String implicit(List<String> terms) {
        var uses = new TreeMap<Character, Integer>();
        String.join("", terms).replace(".", "").chars().forEach(letter -> uses.merge((char) letter, 1, Integer::sum));
        var result = new StringBuilder(terms.stream().anyMatch(term -> term.contains("...")) ? "..." : "");
        uses.forEach((letter, count) -> result.append(count == 1 ? letter.toString() : ""));
        return result.toString();
    }

    private static String unused(String equation, int count) {
        return "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                .chars()
                .filter(letter -> equation.indexOf(letter) < 0)
                .limit(count)
                .collect(StringBuilder::new, (text, letter) -> text.append((char) letter), StringBuilder::append)
                .toString();
    }
}
