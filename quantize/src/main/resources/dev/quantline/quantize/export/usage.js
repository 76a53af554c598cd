// Writes where the file loads, how to run it from three languages, and how to reproduce the job.
const use = report.usage, code = (place, title, lines) => { const text = element("pre", lines.map(shown).join("\n")); text.tabIndex = 0; text.setAttribute("role", "region");
  text.setAttribute("aria-label", title); place.append(element("h3", title), text); };
byId("loads").textContent = !use ? "This report does not say; its notes may." : `The file uses operators of ONNX opset ${use.opset}`
  + (use.domains.length ? ` and of ${use.domains.join(", ")}, which hardly any runtime but ONNX Runtime has` : " only")
  + `. onnxruntime and onnxruntime-web load it from ${use.oldest ? use.oldest : "the first version that knows this opset"} on. docs/runtimes.md lists the versions tested.`;
const python = { FLOAT: "float32", DOUBLE: "float64", FLOAT16: "float16", BOOL: "bool" }, javascript = { BOOL: "bool", FLOAT: "float32", DOUBLE: "float64" };
const java = { FLOAT: "float", DOUBLE: "double", INT64: "long", INT32: "int", INT16: "short", INT8: "byte", UINT8: "byte", BOOL: "boolean" };
const word = i => i.name.replace(/[^A-Za-z0-9]+/g, "_").replace(/^(?=\d)|^_?$/, "x").slice(0, 40), quoted = JSON.stringify;
const shape = i => i.shape.length ? `[${i.shape.join(", ")}]` : "a single number";
const scaled = use?.inputs.filter(i => i.normalize) ?? [];
const channels4 = values => `np.array(${quoted(values)}, np.float32).reshape(1, -1, 1, 1)`;
if (use?.inputs.length) {
  const place = byId("use"), output = use.outputs[0];
  table(place, "Inputs", [{ title: "input", name: true, of: i => i.name }, { title: "type", of: i => i.type }, { title: "shape", of: shape },
    { title: "samples along axis", of: i => i.batchAxis == null ? "none: the same for all" : String(i.batchAxis) },
    { title: "pre-processing", name: true, of: i => i.normalize ? `(pixel / 255 − mean) / std per channel, mean ${i.normalize.mean.join(", ")}, std ${i.normalize.std.join(", ")}` : "none: as in the data" }], use.inputs);
  place.append(element("p", `Its ${use.outputs.length > 1 ? "outputs are" : "output is"} ${use.outputs.join(", ")}.` + (scaled.length ? " Like the float model, the file expects pre-processed input." : "")));
  code(place, "Java", ["var env = OrtEnvironment.getEnvironment();  // com.microsoft.onnxruntime:onnxruntime", `var session = env.createSession("model.onnx");`,
    `var result = session.run(Map.ofEntries(${use.inputs.map(i => `Map.entry(${quoted(i.name)}, OnnxTensor.createTensor(env, ${word(i)}))`).join(", ")}));  // ${use.inputs.map(i => `${word(i)}: ${java[i.type] ?? i.type}${"[]".repeat(i.shape.length)}`).join(", ")}`,
    ...scaled.map(i => `// before: ${word(i)}[n][c][y][x] = (pixel / 255f - mean[c]) / std[c], mean ${quoted(i.normalize.mean)}, std ${quoted(i.normalize.std)}`)]);
  code(place, "Python", [scaled.length ? "import numpy as np, onnxruntime" : "import onnxruntime", `session = onnxruntime.InferenceSession("model.onnx")`, ...scaled.map(i => `${word(i)} = (pixels.astype(np.float32) / 255 - ${channels4(i.normalize.mean)}) / ${channels4(i.normalize.std)}`),
    `result = session.run([${quoted(output)}], {${use.inputs.map(i => `${quoted(i.name)}: ${word(i)}`).join(", ")}})[0]  # ${use.inputs.map(i => `${word(i)}: ${python[i.type] ?? i.type.toLowerCase()} ${shape(i)}`).join(", ")}`]);
  code(place, "JavaScript", [`import * as ort from "onnxruntime-web";`, `const session = await ort.InferenceSession.create("model.onnx");`,
    `const result = (await session.run({${use.inputs.map(i => `${quoted(i.name)}: new ort.Tensor(${quoted(javascript[i.type] ?? i.type.toLowerCase())}, ${word(i)}, ${quoted(i.shape.map(d => /^\d+$/.test(d) ? Number(d) : 1))})`).join(", ")}}))[${quoted(output)}];`,
    ...scaled.map(i => `// before: ${word(i)}[i] = (pixel / 255 - mean[c]) / std[c], channel after channel, mean ${quoted(i.normalize.mean)}, std ${quoted(i.normalize.std)}`)]);
} else byId("use").append(element("p", "This report does not say what the file's inputs are."));

const again = byId("again"), file = (name, content) => { const box = element("details"), text = element("pre", JSON.stringify(content, null, 2));
  text.tabIndex = 0; text.setAttribute("role", "region"); text.setAttribute("aria-label", name); box.append(element("summary", name), text); again.append(box); };
if (asked.command) {
  code(again, "From files", [asked.command]);
  if (asked.command.includes("recipe.json")) file("recipe.json", asked.request.recipe);
  if (asked.command.includes("normalize.json")) file("normalize.json", asked.request.normalize);
}
if (asked.request) { code(again, "From the inputs in the store", ["./quantline submit job.json"]); file("job.json", asked.request); }
again.append(element("h3", "Origin of the result"));
facts(again, [["SHA-256 of the model", origin.modelSha256], ["SHA-256 of the data", origin.dataSha256], ["SHA-256 of the settings", origin.settingsSha256],
  ["Version", origin.version], ["Seed", origin.seed == null ? null : String(origin.seed)]]);
