// Draws every activation's histogram with its range, and its widest channels, when it comes into view.
const sites = gallery.sites, grid = byId("sites"), kinds = byId("kind");
byId("activations").hidden = sites.length === 0;
const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const charts = [];
const axis = (type, title) => ({ type, title: { display: !!title, text: title }, grid: { color: "rgba(128, 128, 128, .2)" }, ticks: { maxTicksLimit: 5 } });
const chart = (canvas, config) => charts.push(new Chart(canvas, { ...config, options: { animation: false, responsive: true, maintainAspectRatio: false,
  plugins: { legend: { display: false }, tooltip: { enabled: false } }, ...config.options } }));
const histogram = (canvas, site) => {
  const seen = site.observed, top = Math.max(...seen.counts, 1), empty = 0.5;
  const bars = seen.counts.map((n, i) => ({ x: seen.low + (i + 0.5) * seen.width, y: n || empty }));
  const datasets = [{ data: bars, stepped: "middle", fill: "start", pointRadius: 0, borderWidth: 1, borderColor: colour("--accent"), backgroundColor: colour("--accent") }];
  if (site.quantizer) datasets.push({ data: [{ x: site.low, y: empty }, { x: site.low, y: top }, { x: site.high, y: top }, { x: site.high, y: empty }],
    fill: "start", pointRadius: 0, borderWidth: 2, borderColor: colour("--good"), backgroundColor: "rgba(40, 160, 90, .18)" });
  chart(canvas, { type: "line", data: { datasets }, options: { scales: { x: axis("linear"), y: { ...axis("logarithmic"), min: empty, display: false } } } });
};
const channels = (canvas, site) => {
  const far = site.observed.channels;
  chart(canvas, { type: "bar", data: { labels: far.map(c => c.channel), datasets: [{ data: far.map(c => [c.low, c.high]), minBarLength: 2,
    backgroundColor: far.map(c => colour(c.sigmas > 6 ? "--bad" : "--accent")) }] }, options: { scales: { x: { ...axis("category", "channel"), ticks: { autoSkip: false } }, y: axis("linear") } } });
};
const card = site => {
  const box = element("figure"), seen = site.observed, title = element("figcaption");
  title.append(element("b", site.tensor), element("small", `${site.kind}, ` + (site.quantizer
    ? `${site.bits}-bit ${site.quantizer}, range by ${site.range} ${number(site.low)} to ${number(site.high)}, SQNR ${number(site.sqnrDb)} dB` : `float: ${site.left}`)));
  const outlying = seen.energyBeyond[6] ?? 0, far = seen.channels.filter(c => c.sigmas > 6);
  title.append(element("small", `mean ${number(seen.mean)}, sd ${number(seen.deviation)}, kurtosis ${number(seen.kurtosis)}, ${(100 * outlying).toFixed(1)} % of the energy beyond 6 sd`
    + (far.length ? `, ${far.length === seen.channels.length ? "at least " : ""}${far.length} outlier channels` : "")
    + (seen.samples.length ? `, outliers in samples ${seen.samples.join(", ")}` : "")));
  box.append(title);
  const plots = [histogram, ...(seen.channels.length ? [channels] : [])].map(draw => {
    const holder = element("div", "", "plot"), canvas = document.createElement("canvas");
    canvas.setAttribute("role", "img"); canvas.setAttribute("aria-label", (draw === histogram ? `histogram of ${site.tensor} from ${number(seen.low)} to ${number(seen.low + seen.width * seen.counts.length)}`
      : `widest channels of ${site.tensor}: ${seen.channels.slice(0, 5).map(c => `${c.channel} from ${number(c.low)} to ${number(c.high)}`).join(", ")}`) + "; see the caption for figures");
    holder.append(canvas); box.append(holder);
    return () => draw(canvas, site);
  });
  box.draw = () => { box.draw = () => {}; plots.forEach(plot => plot()); };
  box.dataset.kind = site.kind;
  return box;
};
const cards = sites.map(card);
grid.append(...cards);
["all kinds", ...new Set(sites.map(s => s.kind))].forEach((name, i) => kinds.append(new Option(name, i ? name : "")));
kinds.onchange = () => cards.forEach(c => c.hidden = kinds.value && c.dataset.kind !== kinds.value);
const paint = () => { Chart.defaults.color = getComputedStyle(document.body).color; Chart.defaults.font.size = 10; };
paint();
const watcher = new IntersectionObserver(seen => seen.filter(s => s.isIntersecting).forEach(s => { s.target.draw(); watcher.unobserve(s.target); }), { rootMargin: "300px" });
cards.forEach(c => watcher.observe(c));
const recolour = text => { Chart.defaults.color = text; charts.forEach(c => { c.options.color = text;
  Object.values(c.options.scales).forEach(s => { s.ticks = { ...s.ticks, color: text }; s.title = { ...s.title, color: text }; }); c.update("none"); }); };
// Print everything, including what is folded or has not come into view, dark on white.
const folded = [];
addEventListener("beforeprint", () => { document.querySelectorAll("details:not([open])").forEach(d => { d.open = true; folded.push(d); });
  cards.forEach(c => c.draw()); charts.forEach(c => c.resize()); recolour("#000"); });
addEventListener("afterprint", () => { folded.splice(0).forEach(d => d.open = false); charts.forEach(c => c.resize()); paint(); recolour(Chart.defaults.color); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { paint(); recolour(Chart.defaults.color); });
byId("rewrites").hidden = gallery.rewrites.length === 0;
gallery.rewrites.forEach(r => { const details = element("details"), list = element("ul"); details.append(element("summary", `${r.rule}: ${r.applied.length} applied, ${r.refused.length} not`), list);
  r.applied.forEach(name => list.append(element("li", name, "good"))); r.refused.forEach(why => list.append(element("li", why))); byId("rewrites").append(details); });
