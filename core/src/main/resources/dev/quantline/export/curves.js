// Draws the held-out error of every trained part, relative to where it began.
const trained = report.tuning.filter(t => t.curve.length > 1);
byId("curves").hidden = trained.length === 0;
if (trained.length) {
  chart(byId("curves").firstChild, { type: "line", data: { datasets: trained.map((t, i) => ({ label: t.part || t.method, pointRadius: 0, borderWidth: 1.5,
    data: t.curve.map(p => ({ x: p.step, y: p.score / t.curve[0].score })), borderColor: `hsl(${360 * i / trained.length} 65% 50%)` })) },
    options: { plugins: { ...legend, legend: { display: trained.length <= 16, position: "right" } },
      scales: { x: axis("linear", "training step"), y: axis("logarithmic", "held-out error / at the start") } } });
}
