// Draws the bit allocation: weights by width, what each layer loses at each width, and the best plans of all sizes.
const shades = ["#c2410c", "#d97706", "#2f6fde", "#0d9488", "#7c3aed", "#64748b", "#be185d"];
const legend = { legend: { display: true, position: "top" }, tooltip: { enabled: true } };
const weighted = report.layers.filter(l => l.weightBits != null), names = weighted.map(l => shown(l.name));
const widths = [...new Set(weighted.map(l => l.weightBits))].sort((a, b) => a - b);
const hiddenTicks = title => ({ ...axis("category", title), ticks: { display: names.length <= 40, autoSkip: false, maxRotation: 90, font: { size: 8 } } });
chart(byId("bits"), { type: "bar", data: { labels: names, datasets: widths.map((bits, i) => ({ label: `${bits} bits`, backgroundColor: shades[i % shades.length],
  data: weighted.map(l => l.weightBits === bits ? l.weights : null) })) }, options: { plugins: legend,
  scales: { x: { ...hiddenTicks("layer"), stacked: true }, y: { ...axis("logarithmic", "weights"), stacked: true } } } });
// Losses do not quite add up: the plan with the best prediction may measure worse than a smaller one.
const reason = chosen => {
  if (chosen.goal != null && report.status === "done") return `the smallest plan found that drops ${report.quantized.metric.name} by at most ${chosen.goal}`;
  const promised = report.pareto.find(p => p.measured > chosen.measuredLoss && p.predictedLoss < chosen.predictedLoss && p.size <= (chosen.budget ?? 1));
  return promised ? `a plan of ${(100 * promised.size).toFixed(1)} % of the float model was predicted to lose less, ${promised.predictedLoss.toExponential(2)}, but measured ${promised.measured.toExponential(2)}`
    : chosen.gap > 0 ? `the loss of a better choice may be up to ${(100 * chosen.gap).toFixed(1)} % lower` : "no choice within the budget is predicted to be better";
};
const powers = value => Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-9 ? value.toExponential(0) : "";
const chosen = report.allocation, measured = weighted.filter(l => l.losses);
byId("allocation").hidden = weighted.length === 0;
byId("choice").hidden = !chosen;
byId("allocated").textContent = widths.map(bits => `${weighted.filter(l => l.weightBits === bits).length} layers of ${bits} bits`).join(", ") + (chosen
  ? `. Loss: ${chosen.loss} on ${chosen.samples} calibration samples; predicted ${chosen.predictedLoss.toExponential(2)}, measured ${chosen.measuredLoss.toExponential(2)} for the whole plan`
    + `; ${reason(chosen)}.` + (chosen.budget == null ? "" : ` Budget: at most ${(100 * chosen.budget).toFixed(1)} % of the float model's size.`) : ".");
if (chosen) {
  const options = Object.keys(measured[0]?.losses ?? {}), least = 1e-7;
  chart(byId("losses"), { type: "bar", data: { labels: measured.map(l => shown(l.name)), datasets: options.map((width, i) => ({ label: `${width} bits`,
    backgroundColor: shades[i % shades.length], data: measured.map(l => Math.max(least, l.losses[width] ?? 0)) })) },
    options: { plugins: legend, scales: { x: hiddenTicks("layer"), y: { ...axis("logarithmic", chosen.loss), min: least, ticks: { callback: powers } } } } });
  const front = report.pareto.map(p => ({ x: 100 * p.size, y: p.predictedLoss }));
  chart(byId("front"), { type: "line", data: { datasets: [
    { label: "predicted", data: front, borderColor: colour("--accent"), backgroundColor: colour("--accent"), pointRadius: 3 },
    { label: "measured", data: report.pareto.filter(p => p.measured != null).map(p => ({ x: 100 * p.size, y: p.measured })), showLine: false,
      pointStyle: "rectRot", pointRadius: 6, borderColor: colour("--bad"), backgroundColor: colour("--bad") },
    { label: "chosen", data: report.pareto.filter(p => p.chosen).map(p => ({ x: 100 * p.size, y: p.predictedLoss })), showLine: false,
      pointStyle: "circle", pointRadius: 9, borderWidth: 3, borderColor: colour("--good"), backgroundColor: "transparent" }] },
    options: { plugins: legend, scales: { x: axis("linear", "size, % of the float model"), y: axis("logarithmic", chosen.loss) } } });
  table(byId("lossTable"), "What a layer loses", [{ title: "layer", name: true, of: l => l.name }, ...options.map(width =>
    ({ title: `${width} bits`, numeric: true, of: l => l.losses[width] == null ? null : small(l.losses[width]) }))], measured, { tall: true });
  table(byId("plans"), "Best plans", [{ title: "size", numeric: true, of: p => share(p.size) }, { title: "bytes", numeric: true, of: p => p.bytes },
    { title: "predicted", numeric: true, of: p => small(p.predictedLoss) }, { title: "measured", numeric: true, of: p => p.measured == null ? null : small(p.measured) },
    { title: "chosen", of: p => p.chosen ? "yes" : "" }], report.pareto, { tall: true });
}
