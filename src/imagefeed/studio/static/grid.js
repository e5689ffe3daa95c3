// The pictures, what lies over them, and the charts.

import { element } from "./fields.js";

// Twelve colors that stay apart, also for most who see fewer (after Okabe and Ito).
const COLORS = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#999999", "#8dd3c7", "#fb8072", "#b3de69", "#bc80bd"];
export const color = (k) => COLORS[((k % COLORS.length) + COLORS.length) % COLORS.length];
const bytes = COLORS.map((one) => [1, 3, 5].map((k) => parseInt(one.slice(k, k + 2), 16)));

export function paint(canvas, cell) {
  if (canvas.width !== cell.width || canvas.height !== cell.height) Object.assign(canvas, { width: cell.width, height: cell.height });
  canvas.getContext("2d").putImageData(cell.image, 0, 0);
}

function mark(canvas, cell) {
  const scale = Math.max(1, Math.round(320 / Math.max(cell.width, cell.height)));
  canvas.width = cell.width * scale;
  canvas.height = cell.height * scale;
  const context = canvas.getContext("2d");
  if (cell.classes) {
    const layer = new ImageData(cell.width, cell.height);
    cell.classes.forEach((k, at) => {
      if (k > 0) layer.data.set([...bytes[k % bytes.length], 120], at * 4);
    });
    const part = new OffscreenCanvas(cell.width, cell.height);
    part.getContext("2d").putImageData(layer, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(part, 0, 0, canvas.width, canvas.height);
  }
  context.lineWidth = 3;
  context.font = "bold 24px system-ui";
  cell.boxes.forEach(([left, top, right, bottom], k) => {
    const name = cell.names[k] ?? "";
    context.strokeStyle = context.fillStyle = color([...name].reduce((sum, one) => sum + one.codePointAt(0), 0));
    context.strokeRect(left * scale, top * scale, (right - left) * scale, (bottom - top) * scale);
    context.strokeStyle = "#000c"; // so that a name can be read on any picture
    context.strokeText(name, left * scale + 6, top * scale + 25);
    context.fillText(name, left * scale + 6, top * scale + 25);
  });
  for (const [x, y] of cell.points) {
    context.beginPath();
    context.arc(x * scale, y * scale, 5, 0, 7);
    context.fillStyle = COLORS[1];
    context.fill();
    context.strokeStyle = "#000";
    context.lineWidth = 1;
    context.stroke();
  }
}

export const hasMarks = (cell) => !cell.error && Boolean(cell.classes || cell.boxes.length || cell.points.length);

// What is drawn over a picture: nothing, or one canvas.
export function marksOver(cell) {
  if (!hasMarks(cell)) return [];
  const over = element("canvas", { className: "marks", "aria-hidden": "true" });
  mark(over, cell);
  return [over];
}

function cellOf(cell, name, show, choose) {
  if (cell.error) return element("div", { className: "cell" }, element("p", {}, cell.error));
  const label = `${name}, draw ${cell.epoch}: ${cell.words.join(", ") || "no label"}`;
  const canvas = element("canvas", { role: "img", "aria-label": label });
  const made = element("button", { className: "cell", "aria-label": label, title: label, onclick: () => choose(made.cell, name) }, canvas);
  made.dataset.record = cell.record;
  made.dataset.epoch = cell.epoch;
  refresh(made, cell, show);
  return made;
}

// New pixels in a cell that stays where it is: much less for a browser to do than a new one.
function refresh(made, cell, show) {
  made.cell = cell;
  paint(made.firstChild, cell);
  made.querySelector(".marks")?.remove();
  if (show.targets) made.append(...marksOver(cell));
}

export function showGrid(place, drawing, show, choose) {
  const shape = JSON.stringify([show.original, drawing.names, drawing.cells.map((cell) => [cell.record, cell.epoch, cell.words, cell.error])]);
  if (place.shape === shape) {
    const drawn = drawing.cells.filter((cell) => !cell.error);
    place.querySelectorAll("button.cell").forEach((made, k) => refresh(made, drawn[k], show));
    return;
  }
  place.shape = shape;
  const rows = new Map();
  for (const cell of drawing.cells) {
    if (!rows.has(cell.record)) rows.set(cell.record, []);
    rows.get(cell.record).push(cell);
  }
  const held = document.activeElement?.dataset ?? {};
  const old = new Map([...place.querySelectorAll("img")].map((one) => [one.dataset.record, one]));
  const made = [...rows].map(([record, cells], k) => {
    const name = drawing.names[k];
    const label = cells.find((cell) => cell.words?.length)?.words.join(", ");
    const row = element("div", { className: "record" }, element("h2", {}, label ? `${label} · ${name}` : name));
    if (show.original) {
      const image = old.get(String(record)) ?? element("img", { src: `/api/picture/${record}?size=320`, alt: `${name}, as it is stored` });
      image.dataset.record = record;
      row.append(element("div", { className: "cell original" }, image));
    }
    row.append(...cells.map((cell) => cellOf(cell, name, show, choose)));
    return row;
  });
  place.replaceChildren(...made);
  if (held.record !== undefined) place.querySelector(`button[data-record="${held.record}"][data-epoch="${held.epoch}"]`)?.focus();
}

function chart(title, found) {
  const canvas = element("canvas", { width: 520, height: 240, role: "img", "aria-label": `Histogram ${title}` });
  const context = canvas.getContext("2d");
  const inks = { red: "#d1495b", green: "#3f9b57", blue: "#3d7dca" };
  const most = Math.max(...found.channels.flatMap((one) => one.counts), 1);
  for (const one of found.channels) {
    context.strokeStyle = inks[one.name] ?? "#888888";
    context.lineWidth = 3;
    context.beginPath();
    one.counts.forEach((count, k) => context.lineTo((k + 0.5) / one.counts.length * 520, 236 - count / most * 228));
    context.stroke();
  }
  const rows = found.channels.map((one) => element("tr", {}, element("th", { scope: "row" }, one.name),
    element("td", { className: "number" }, one.mean.toFixed(3)), element("td", { className: "number" }, one.std.toFixed(3))));
  const head = element("tr", {}, element("th", {}, "channel"), element("th", {}, "mean"), element("th", {}, "std"));
  return element("div", {}, element("h2", {}, `${title}: ${found.low.toFixed(2)} to ${found.high.toFixed(2)}`), canvas, element("table", {}, head, ...rows));
}

export function showMeasures(place, found) {
  const most = Math.max(...found.costs.map((one) => one.milliseconds), 0.001);
  const rows = found.costs.map((one) => element("tr", {}, element("td", {}, one.name),
    element("td", { className: "number" }, one.milliseconds < 0 ? `saves ${(-one.milliseconds).toFixed(2)} ms` : `${one.milliseconds.toFixed(2)} ms`),
    element("td", {}, ...(one.milliseconds > 0 ? [element("meter", { min: 0, max: most, value: one.milliseconds, "aria-label": one.name })] : []))));
  const why = found.costs.some((one) => one.milliseconds < 0) ? [element("p", { className: "hint" }, "A step saves time where less has to be decoded or sampled with it than without.")] : [];
  const times = element("div", {}, element("h2", {}, "Time for a picture, step by step"), element("table", {}, ...rows), ...why);
  place.replaceChildren(element("div", { className: "charts" }, chart("Before units", found.before), chart("What the model gets", found.after), times));
}
