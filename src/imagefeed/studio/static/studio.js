// The page: one value, `work`, and what is drawn from it. Every change makes a new grid; only the last one counts.

import { begin, download, draw, openFile, post, Impossible, Outdated } from "./api.js";
import { controls, element } from "./fields.js";
import { hasMarks, marksOver, paint, showGrid, showMeasures } from "./grid.js";

const at = (id) => document.getElementById(id);
const entries = new Map();
const show = { original: true, targets: true };
const open = new Set(); // the steps whose fields are shown, by their keys
let work, count, keys = [], fresh = 0, drawing = null, busy = false, again = false;

history.replaceState(null, "", "/"); // the key has done its work; it need not be seen

// ------------------------------------------------------------------------------------------------ drawing

// Where a loader's own pixels take long, as of large originals, quick ones from shrunk copies come first, and the
// loader's own once nothing changes any more.
const SLOW = 100, SETTLED = 250; // milliseconds
let slow = false, settling = 0, exact = null;

async function redraw() {
  clearTimeout(settling);
  exact?.abort();
  if (busy) { again = true; return; }
  busy = true;
  do {
    again = false;
    await drawOnce(slow);
  } while (again);
  busy = false;
  if (slow) settling = setTimeout(settle, SETTLED);
  else told();
}

async function settle() {
  busy = true;
  await drawOnce(false);
  busy = false;
  if (again) { again = false; redraw(); } else told();
}

// For tests: how often the page has come to rest.
function told() { document.body.dataset.drawn = String(Number(document.body.dataset.drawn ?? 0) + 1); }

async function drawOnce(quick) {
  const start = performance.now();
  const control = new AbortController();
  if (!quick && slow) exact = control; // worth ending early
  try {
    drawing = await draw(work, quick, control.signal);
    showGrid(at("grid"), drawing, show, choose);
    if (drawing.cells.some(hasMarks)) at("targets").parentElement.hidden = false;
    tell(null);
    const taken = performance.now() - start;
    if (!quick) slow = taken > SLOW;
    note(quick, taken);
    if (!quick && at("measures").open) measureSoon();
  } catch (error) {
    if (error instanceof Outdated || error.name === "AbortError") return;
    tell(error instanceof Impossible ? error : new Impossible(`${error.message}; is the studio still running?`, null));
  } finally {
    exact = null;
  }
}

function note(quick, taken) {
  const kind = quick ? "Drawn quickly from shrunk copies, before the pixels that a loader gives"
    : drawing.exact ? "These are the pixels that a loader gives" : "Shown smaller than a loader gives them";
  const times = Object.entries(drawing.milliseconds).map(([name, time]) => `${name} ${time.toFixed(1)} ms`);
  const sizes = drawing.several ? " They come out in several sizes: a batch needs one, so add a crop or a resize." : "";
  at("note").textContent = `${kind} for seed ${work.seed}. ${Math.round(taken)} ms in all: ${times.join(", ")}.${sizes}`;
}

function tell(error) {
  at("problem").textContent = error ? error.message : "";
  [...at("steps").children].forEach((one, k) => one.classList.toggle("wrong", error !== null && error.step === k));
}

let timer = 0;
function measureSoon() {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    try {
      showMeasures(at("measured"), await (await post("/api/measure", work)).json());
    } catch (error) {
      at("measured").replaceChildren(element("p", { className: "problem" }, error.message));
    }
  }, 400);
}

function change(part) {
  work = { ...work, ...part };
  redraw();
}

// ------------------------------------------------------------------------------------------------ steps

const copyOf = (value) => JSON.parse(JSON.stringify(value));

function chooser(label, chosen, id) {
  const groups = Map.groupBy ? Map.groupBy(entries.values(), (one) => one.group) : grouped();
  const options = [...groups].map(([name, found]) => element("optgroup", { label: name },
    ...found.map((one) => element("option", { value: one.type, title: one.doc }, one.type))));
  const select = element("select", { "aria-label": label }, element("option", { value: "" }, "choose…"), ...options);
  if (id) select.id = id;
  select.addEventListener("change", () => {
    if (select.value) chosen(copyOf(entries.get(select.value).starter));
    select.value = "";
  });
  return select;
}

function grouped() {
  const groups = new Map();
  for (const one of entries.values()) groups.set(one.group, [...(groups.get(one.group) ?? []), one]);
  return groups;
}

function inner(step, set) {
  const entry = entries.get(step.type);
  const head = element("div", { className: "head" }, element("strong", {}, step.type));
  return entry ? [head, ...controls(entry, step, set, tools)] : [head];
}

const tools = { inner, chooser, again: () => showSteps() };

function setSteps(steps, on, named) {
  keys = named;
  work = { ...work, steps, on };
  showSteps();
  redraw();
}

function move(from, to) {
  if (to < 0 || to >= work.steps.length) return;
  const moved = (list) => { const made = [...list]; made.splice(to, 0, ...made.splice(from, 1)); return made; };
  setSteps(moved(work.steps), moved(work.on), moved(keys));
  at("steps").children[to].querySelector(".name").focus();
}

function insert(step) {
  // Work on pixels goes before the units of a model, which stand at the end.
  const units = (one) => entries.get(one.type)?.role === "units";
  const first = work.steps.findIndex(units);
  const place = units(step) || first < 0 ? work.steps.length : first;
  const key = `new-${fresh++}`;
  open.add(key);
  const into = (list, one) => [...list.slice(0, place), one, ...list.slice(place)];
  setSteps(into(work.steps, step), into(work.on, true), into(keys, key));
}

function stepOf(step, k) {
  const entry = entries.get(step.type);
  const key = keys[k];
  const name = step.type;
  const body = element("div", { hidden: !open.has(key) });
  const fill = () => {
    if (!entry) { body.replaceChildren(element("p", { className: "doc" }, "Shown, kept and saved as it is; it cannot be tuned here.")); return; }
    const set = (to) => { work.steps = work.steps.map((one, j) => (j === k ? to : one)); redraw(); };
    body.replaceChildren(element("p", { className: "doc" }, entry.doc), ...controls(entry, work.steps[k], set, tools));
  };
  if (open.has(key)) fill();
  const title = element("button", { className: "name", "aria-expanded": String(open.has(key)), onclick() {
    if (open.delete(key)) body.hidden = true;
    else { open.add(key); fill(); body.hidden = false; }
    title.setAttribute("aria-expanded", String(open.has(key)));
  } }, name);
  const toggle = element("input", { type: "checkbox", checked: work.on[k], "aria-label": `${name} is on`, onchange() {
    made.classList.toggle("off", !toggle.checked);
    change({ on: work.on.map((one, j) => (j === k ? toggle.checked : one)) });
  } });
  const up = element("button", { "aria-label": `Move ${name} up`, onclick: () => move(k, k - 1) }, "↑");
  const down = element("button", { "aria-label": `Move ${name} down`, onclick: () => move(k, k + 1) }, "↓");
  const without = (list) => list.filter((_, j) => j !== k);
  const remove = element("button", { "aria-label": `Remove ${name}`, onclick() {
    setSteps(without(work.steps), without(work.on), without(keys));
    at("add").focus();
  } }, "×");
  const handle = element("span", { className: "handle", draggable: true, "aria-hidden": "true", title: "Drag to move" }, "⠿");
  const made = element("li", { className: work.on[k] ? "step" : "step off" }, element("div", { className: "head" }, handle, toggle, title, up, down, remove), body);
  handle.addEventListener("dragstart", (event) => { event.dataTransfer.setData("text/plain", String(k)); event.dataTransfer.setDragImage(made, 10, 10); });
  made.addEventListener("dragover", (event) => { event.preventDefault(); made.classList.add("over"); });
  made.addEventListener("dragleave", () => made.classList.remove("over"));
  made.addEventListener("drop", (event) => {
    event.preventDefault();
    made.classList.remove("over");
    const from = Number(event.dataTransfer.getData("text/plain"));
    if (Number.isInteger(from) && from >= 0 && from < work.steps.length) move(from, k);
  });
  return made;
}

function showSteps() {
  at("steps").replaceChildren(...work.steps.map(stepOf));
}

// ------------------------------------------------------------------------------------------------ one picture

async function choose(cell, name) {
  at("detail-title").textContent = `${name}, draw ${cell.epoch}`;
  at("detail-before").src = `/api/picture/${cell.record}?size=1024`;
  paint(at("detail-after"), cell);
  at("detail-stack").querySelector(".marks")?.remove();
  if (show.targets) at("detail-stack").append(...marksOver(cell));
  at("plan").textContent = "…";
  if (!at("detail").open) at("detail").showModal();
  try {
    at("plan").textContent = (await (await post("/api/explain", { ...work, records: [cell.record], epoch: cell.epoch })).json()).text;
  } catch (error) {
    at("plan").textContent = error.message;
  }
}

// ------------------------------------------------------------------------------------------------ the bars

function spread(first, rows) {
  rows = Math.min(rows, count);
  const stride = count / rows;
  return [...new Set(Array.from({ length: rows }, (_, k) => (Math.floor((k + 0.5) * stride) + first + count) % count))];
}

function whole(box, least, most) {
  const value = Math.round(Number(box.value));
  const kept = Number.isFinite(value) ? Math.min(Math.max(value, least), most) : least;
  box.value = kept;
  return kept;
}

function bindTools() {
  let first = 0;
  at("seed").value = work.seed;
  at("draws").value = work.draws;
  at("rows").value = work.records.length;
  at("seed").addEventListener("change", () => change({ seed: whole(at("seed"), 0, 2 ** 53) }));
  at("next-seed").addEventListener("click", () => { at("seed").value = work.seed + 1; change({ seed: work.seed + 1 }); });
  at("draws").addEventListener("change", () => change({ draws: whole(at("draws"), 1, Math.min(12, Math.floor(64 / work.records.length))) }));
  at("rows").addEventListener("change", () => change({ records: spread(first, whole(at("rows"), 1, Math.min(12, Math.floor(64 / work.draws)))) }));
  const shift = (by) => { first += by; change({ records: spread(first, work.records.length) }); };
  at("earlier").addEventListener("click", () => shift(-1));
  at("later").addEventListener("click", () => shift(1));
  for (const name of ["original", "targets"]) {
    at(name).addEventListener("change", () => { show[name] = at(name).checked; if (drawing) showGrid(at("grid"), drawing, show, choose); });
  }
  at("zoom").addEventListener("input", () => at("grid").style.setProperty("--side", `${at("zoom").value}px`));
  at("measures").addEventListener("toggle", () => { if (at("measures").open) measureSoon(); });
}

async function exported(kind) {
  try {
    return await post(`/api/export/${kind}`, work);
  } catch (error) {
    tell(error);
    return null;
  }
}

function bindFiles() {
  at("copy").addEventListener("click", async () => {
    const text = await (await exported("python"))?.text();
    if (!text) return;
    at("code").textContent = text;
    at("code").hidden = false;
    try {
      await navigator.clipboard.writeText(text);
      at("told").textContent = "Copied.";
    } catch {
      at("told").textContent = "This browser does not let pages copy; here it is.";
    }
  });
  at("save-json").addEventListener("click", async () => {
    const answer = await exported("json");
    if (answer) download(await answer.text(), "pipeline.json", "application/json");
  });
  at("save-file").addEventListener("click", async () => {
    const answer = await exported("safetensors");
    if (answer) download(await answer.arrayBuffer(), "pipeline.safetensors", "application/octet-stream");
  });
  at("open").addEventListener("click", () => at("file").click());
  at("file").addEventListener("change", async () => {
    const [file] = at("file").files;
    if (!file) return;
    try {
      const found = await openFile(file);
      work = { ...work, training: found.training };
      setSteps(found.steps, found.steps.map(() => true), found.steps.map(() => `new-${fresh++}`));
      at("told").textContent = `Opened ${file.name}.`;
    } catch (error) {
      tell(error);
    }
    at("file").value = "";
  });
}

async function main() {
  const found = await begin();
  for (const entry of found.catalog) entries.set(entry.type, entry);
  work = found.work;
  count = found.count;
  keys = work.steps.map(() => `new-${fresh++}`);
  at("title").textContent = `studio · ${found.title} · ${count} ${count === 1 ? "picture" : "pictures"}`;
  at("add").replaceWith(chooser("Add a step", insert, "add"));
  showSteps();
  bindTools();
  bindFiles();
  await redraw();
}

main().catch((error) => tell(error));
