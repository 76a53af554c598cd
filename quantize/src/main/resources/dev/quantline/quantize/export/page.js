// Writes the report: the verdict first, then what it rests on. Text goes in as text, never as markup.
const byId = id => document.getElementById(id);
const element = (name, text, className) => { const e = document.createElement(name); e.textContent = text ?? ""; if (className) e.className = className; return e; };
// What turns text around, breaks a line of code or cannot be seen is written out, as the class Escaped does.
const shown = text => String(text).replace(/[\p{C}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0]/gu,
  c => [...Array(c.length).keys()].map(i => "\\u" + c.charCodeAt(i).toString(16).padStart(4, "0")).join(""));
const number = x => x == null ? "–" : Math.abs(x) >= 1e4 || x !== 0 && Math.abs(x) < 1e-2 ? x.toExponential(1) : x.toFixed(2);
const share = x => (100 * x).toFixed(1) + " %", small = x => x.toExponential(2), decibels = x => x.toFixed(1) + " dB";
const megabytes = bytes => bytes < 1e6 ? (bytes / 1e3).toFixed(1) + " kB" : (bytes / 1e6).toFixed(2) + " MB";
const plural = (n, one) => `${n} ${one}${n === 1 ? "" : "s"}`;
const base = ref => ref.replace(/\/$/, "").split("/").pop();

/** A table that scrolls in its own frame; a column is {title, of(row), numeric, name, order(row)}, and stays away where no row has it. */
const table = (place, label, columns, rows, options = {}) => {
  const wanted = columns.filter(c => rows.some(r => c.of(r) != null)), frame = element("div", "", options.tall ? "scroll tall" : "scroll");
  frame.tabIndex = 0; frame.setAttribute("role", "region"); frame.setAttribute("aria-label", label);
  const all = element("table"), head = all.createTHead().insertRow(), body = all.createTBody();
  const kind = c => c.numeric ? "n" : c.name ? "name" : "";
  const lines = rows.map(data => {
    const row = body.insertRow();
    wanted.forEach((c, i) => {
      const cell = i ? row.insertCell() : row.appendChild(element("th")), value = c.of(data);
      cell.className = kind(c) + (c.mark?.(data) ? " bad" : "");
      if (!i) cell.scope = "row";
      value instanceof Node ? cell.append(value) : cell.textContent = value ?? "–";
    });
    return { data, row };
  });
  wanted.forEach(c => {
    const cell = head.appendChild(element("th", options.sort ? "" : c.title, kind(c)));
    cell.scope = "col";
    if (!options.sort) return;
    const order = c.order ?? c.of, button = cell.appendChild(element("button", c.title));
    button.type = "button";
    button.onclick = () => {
      const falling = cell.getAttribute("aria-sort") === (c.numeric ? null : "ascending"), sign = falling ? -1 : 1;
      [...head.cells].forEach(h => h.removeAttribute("aria-sort"));
      cell.setAttribute("aria-sort", falling ? "descending" : "ascending");
      lines.sort((a, b) => { const x = order(a.data), y = order(b.data);
        return x == null || y == null ? (x == null) - (y == null) : sign * (x > y ? 1 : x < y ? -1 : 0); });
      body.append(...lines.map(l => l.row));
    };
    if (c.title === options.sort) button.click();
  });
  frame.append(all); place.append(frame);
  return lines;
};
const facts = (place, pairs) => {
  const list = element("table", "", "facts");
  pairs.filter(([, value]) => value != null && value !== "").forEach(([name, value]) => { const row = list.insertRow(), title = element("th", name);
    title.scope = "row"; row.append(title, element("td", value)); });
  place.append(list);
};

const f = report.float, q = report.quantized, metric = q.metric, asked = report.asked ?? {}, judged = report.judged;
const model = asked.model ? base(asked.model) : report.job;
const compared = metric.name === "fidelity" ? `its outputs' cosine to the float model's is ${metric.value.toFixed(4)}`
  : `${metric.name} ${f.metric.value.toFixed(4)} became ${metric.value.toFixed(4)}`;
document.title = `${model} – Quantline report`;
byId("title").textContent = `${model}, quantized by ${report.recipe}`;
byId("verdict").textContent = `${report.status === "done" ? "Done" : report.status === "goal-missed" ? "Goal missed" : report.status}: `
  + `${megabytes(f.bytes)} became ${megabytes(q.bytes)} (${share(q.bytes / f.bytes)}), ${compared}` + (report.message ? `; ${report.message}.` : ".");
byId("verdict").className = report.message ? "bad" : "";

const k = report.kernels, samples = report.latencySamples;
[["Size", megabytes(q.bytes), `${megabytes(f.bytes)} as float`],
 [metric.name, metric.value.toFixed(4), `${f.metric.value.toFixed(4)} as float` + (report.fineTuned ? `, ${report.fineTuned.value.toFixed(4)} after fine-tuning` : "")],
 ["Latency", q.latencyMs.toFixed(2) + " ms", `${f.latencyMs.toFixed(2)} ms as float, ${(f.latencyMs / q.latencyMs).toFixed(2)} times as fast; ${plural(samples, "sample")} per run`],
 ["Cosine to float", report.fidelity.cosine.toFixed(4), `SQNR ${decibels(report.fidelity.sqnrDb)}`],
 ["Average bits", `${q.averageWeightBits.toFixed(1)} / ${q.averageActivationBits.toFixed(1)}`, "weights / activations"]
].forEach(([name, value, note]) => {
  const card = element("div", "", "card");
  card.append(element("small", name), element("b", value), element("small", note)); byId("cards").append(card);
});

const origin = report.provenance ?? {};
facts(byId("job"), [["Job", report.job], ["Model", asked.model], ["Calibration data", asked.calibration],
  ["Evaluation data", asked.model && (asked.evaluation ?? "the calibration data")], ["Recipe", report.recipe],
  ["Made for", report.saturation?.target], ["Finished", asked.finished?.replace("T", " ").replace("Z", " UTC")], ["Quantline version", origin.version]]);
const machine = report.processor;
byId("processor").textContent = machine ? `${machine.name}, 8-bit instructions: ${machine.integerInstructions}. Measured here: ${machine.measured}.` : "This report does not say.";

byId("judged").textContent = (judged ? `Both models ran on ${plural(judged.samples, "evaluation sample")}` + (asked.model && !asked.evaluation ? ", the calibration data" : "")
  + `. ${judged.metric === "fidelity" ? "Fidelity" : judged.metric} reads ${judged.output ? `output${judged.output.includes(", ") ? "s" : ""} “${judged.output}”` : "every output, and the worst counts"}. ` : "")
  + (report.simulation ? `The file computes what its plan says: SQNR ${decibels(report.simulation.sqnrDb)} between the two, for batches of ${report.simulation.shapes.join(", ")}.` : "");
table(byId("outputs"), "Outputs", [{ title: "output", name: true, of: o => o.name + (o.before ? ` (before ${o.before})` : "") }, { title: "kind", of: o => o.kind },
  { title: "cosine to float", numeric: true, of: o => o.cosine?.toFixed(4) }, { title: "SQNR", numeric: true, of: o => o.sqnrDb == null ? null : decibels(o.sqnrDb), mark: o => o.sqnrDb < 10 },
  { title: "equal elements", numeric: true, of: o => o.agreement == null ? null : share(o.agreement) }], report.outputs);
byId("notes").hidden = report.notes.length === 0;
report.notes.forEach(note => byId("notes").querySelector("ul").append(element("li", note)));

// What tuning did to the part that contains a layer, from its first step to its last.
const inPart = (layer, part) => part && (layer === part || layer.startsWith(part + ".") || layer.startsWith(part + "/"));
const stepsOf = layer => report.tuning.filter(t => t.kept && inPart(layer.name, t.part));
const before = l => stepsOf(l)[0]?.errorBefore ?? null, after = l => stepsOf(l).at(-1)?.errorAfter ?? null;
const told = v => v == null ? null : small(v), hasLoss = report.layers.some(l => l.sensitivity != null), hasError = report.layers.some(l => l.weightError != null);
byId("told").textContent = [hasLoss && "Sensitivity is what the network loses when only this layer is quantized.",
  hasError && "Weight error is relative squared error, before tuning.", report.layers.some(l => l.inputSqnrDb != null) && "Input SQNR is that of the activation that a layer reads.",
  report.layers.some(l => before(l) != null) && "Before and after are held-out errors of the part of the network that the layer was tuned with."].filter(Boolean).join(" ");
const drawn = table(byId("layers"), "Layers", [{ title: "layer", name: true, of: l => l.name }, { title: "type", of: l => l.type },
  { title: "sensitivity", numeric: true, of: l => told(l.sensitivity), order: l => l.sensitivity },
  { title: "weight error", numeric: true, of: l => told(l.weightError), order: l => l.weightError },
  { title: "input SQNR", numeric: true, of: l => l.inputSqnrDb == null ? null : decibels(l.inputSqnrDb), order: l => l.inputSqnrDb },
  { title: "before", numeric: true, of: l => told(before(l)), order: before }, { title: "after", numeric: true, of: l => told(after(l)), order: after },
  { title: "weight bits", numeric: true, of: l => l.weightBits }, { title: "activation bits", numeric: true, of: l => l.activationBits },
  { title: "quantizer", of: l => l.activationQuantizer }, { title: "range", of: l => l.range },
  { title: "weights", numeric: true, of: l => l.weights }, { title: "bytes", numeric: true, of: l => l.bytes }], report.layers,
  { tall: true, sort: hasLoss ? "sensitivity" : hasError ? "weight error" : "layer" });
byId("filter").oninput = () => {
  const wanted = byId("filter").value.toLowerCase();
  drawn.forEach(({ row }) => row.hidden = !row.textContent.toLowerCase().includes(wanted));
  byId("shown").textContent = `${drawn.filter(({ row }) => !row.hidden).length} of ${plural(drawn.length, "layer")}`;
};
byId("filter").oninput();

const products = k ? k.integer + k.packed + k.floating : 0, fits = report.saturation;
byId("kernels").textContent = k ? `ONNX Runtime runs ${k.integer} of ${products} products (MatMul, Gemm, Conv) on integers` + (k.packed ? `, ${k.packed} on packed weights` : "")
  + (k.floating ? `, ${k.floating} in float.` : ".") : "";
byId("saturating").textContent = !fits ? "" : fits.saturating.length ? `${plural(fits.saturating.length, "layer")} of ${fits.products} saturate on x86 processors without VNNI: ${fits.saturating.join(", ")}.`
  : `None of the ${fits.products} layers on integer kernels can saturate, on any processor` + (fits.narrowed.length ? `; to ensure that, ${fits.narrowed.length} of them ${fits.narrowed.length === 1 ? "has" : "have"} limited codes.` : ".");
if (fits?.narrowed.length) table(byId("narrowed"), "Layers with limited codes", [{ title: "layer with limited codes", name: true, of: n => n.layer },
  { title: "weight error", numeric: true, of: n => small(n.error) }, { title: "without the limit", numeric: true, of: n => small(n.free) }], fits.narrowed, { tall: true });
const left = gallery.sites.filter(s => !s.quantizer);
if (left.length) table(byId("left"), "Activations that stay in float", [{ title: "activation that stays in float", name: true, of: s => s.tensor }, { title: "kind", of: s => s.kind },
  { title: "why", name: true, of: s => s.left }], left, { tall: true });

const stages = Object.entries(report.stages), longest = Math.max(...stages.map(([, s]) => s.seconds), 1e-9);
const bar = s => { const drawn = element("div", "", "bar"); drawn.style.width = 10 * s.seconds / longest + "rem"; return drawn; };
table(byId("stages"), "Stages", [{ title: "stage", of: ([name]) => name }, { title: "seconds", numeric: true, of: ([, s]) => s.seconds.toFixed(2) },
  { title: "events and storage, included", numeric: true, of: ([, s]) => s.machinery.toFixed(2) }, { title: "", of: ([, s]) => bar(s) }], stages);
byId("tuned").hidden = report.tuning.length === 0;
table(byId("tuning"), "Tuning", [{ title: "part", name: true, of: t => t.part || "all" }, { title: "method", of: t => t.method },
  { title: "held-out error before", numeric: true, of: t => t.errorBefore.toExponential(3) }, { title: "after", numeric: true, of: t => t.errorAfter.toExponential(3) },
  { title: "kept", of: t => t.kept ? "yes" : "no" }], report.tuning, { tall: true });
