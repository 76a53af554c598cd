// Draws the held-out error of every trained part, relative to its start.
const curved = report.tuning.filter(t => t.curve.length > 1);
byId("curves").hidden = curved.length === 0;
if (curved.length) {
  chart(byId("curves").firstChild, { type: "line", data: { datasets: curved.map((t, i) => ({ label: shown(t.part || t.method), pointRadius: 0, borderWidth: 1.5,
    data: t.curve.map(p => ({ x: p.step, y: p.score / t.curve[0].score })), borderColor: `hsl(${360 * i / curved.length} 65% 50%)` })) },
    options: { plugins: { ...legend, legend: { display: curved.length <= 16, position: "right" } },
      scales: { x: axis("linear", "training step"), y: axis("logarithmic", "held-out error / error at the start") } } });
}
