// Controls for the fields of a step, made from what the server says about its class.
// All text goes in as text, never as markup.

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made && name !== "list") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

let number = 0;
const words = (name) => name.replaceAll("_", " ");

// A slider and a box for the same number; the box also takes what lies beyond the slider's ends.
function slider(field, label, value, change) {
  const limits = {};
  if (field.least !== null && field.least !== undefined) limits.min = field.least;
  if (field.most !== null && field.most !== undefined) limits.max = field.most;
  const range = element("input", { type: "range", min: field.low, max: field.high, step: field.step, "aria-label": label });
  const box = element("input", { type: "number", step: "any", value, "aria-label": `${label}, exactly`, ...limits });
  range.value = value;
  range.addEventListener("input", () => { box.value = range.value; change(Number(range.value)); });
  box.addEventListener("change", () => {
    if (box.value === "" || !box.checkValidity()) { box.reportValidity(); return; }
    range.value = box.value;
    change(Number(box.value));
  });
  return { range, box, set(to) { range.value = to; box.value = to; } };
}

const makers = {
  range(field, value, change) {
    const now = [...value];
    const low = slider(field, `${words(field.name)} from`, now[0], (to) => {
      now[0] = to;
      if (now[1] < to) { now[1] = to; high.set(to); }
      change([...now]);
    });
    const high = slider(field, `${words(field.name)} to`, now[1], (to) => {
      now[1] = to;
      if (now[0] > to) { now[0] = to; low.set(to); }
      change([...now]);
    });
    return [
      element("div", { className: "row" }, element("span", { className: "hint" }, "from"), low.range, low.box),
      element("div", { className: "row" }, element("span", { className: "hint" }, "to"), high.range, high.box),
    ];
  },
  number(field, value, change) {
    const one = slider(field, words(field.name), value, change);
    return [element("div", { className: "row" }, element("span"), one.range, one.box)];
  },
  integer(field, value, change) {
    return makers.number(field, value, (to) => change(Math.round(to)));
  },
  size(field, value, change) {
    const now = [...value];
    const names = field.name === "size" ? ["height", "width"] : ["first", "second"];
    const boxes = names.map((name, k) => element("input", {
      type: "number", min: 1, step: 1, value: now[k], "aria-label": `${words(field.name)}, ${name}`,
      onchange(event) {
        if (!event.target.checkValidity() || event.target.value === "") { event.target.reportValidity(); return; }
        now[k] = Number(event.target.value);
        change([...now]);
      },
    }));
    return [element("div", { className: "pair" }, ...boxes)];
  },
  flag(field, value, change) {
    const box = element("input", { type: "checkbox", checked: value, onchange: () => change(box.checked) });
    return [element("label", { className: "check" }, box, ` ${words(field.name)}`)];
  },
  choice(field, value, change) {
    const options = field.choices.map((one) => element("option", { value: one, selected: one === value }, one));
    return [element("select", { "aria-label": words(field.name), onchange: (event) => change(event.target.value) }, ...options)];
  },
  step(field, value, change, tools) {
    return [element("div", { className: "inner" }, ...tools.inner(value, change))];
  },
  steps(field, value, change, tools) {
    const now = [...value];
    const boxes = now.map((one, k) => {
      const remove = element("button", { type: "button", onclick: () => { now.splice(k, 1); change([...now]); tools.again(); } }, "Remove");
      if (now.length < 2) remove.disabled = true;
      return element("div", { className: "inner" }, ...tools.inner(one, (to) => { now[k] = to; change([...now]); }), remove);
    });
    const more = tools.chooser("Add to these", (made) => { now.push(made); change([...now]); tools.again(); });
    return [...boxes, more];
  },
  value(field, value, change) {
    const box = element("input", { type: "text", value: JSON.stringify(value), "aria-label": `${words(field.name)}, as JSON` });
    if (value && typeof value === "object" && !Array.isArray(value)) box.disabled = true; // arrays and functions
    box.addEventListener("change", () => {
      try { box.setCustomValidity(""); change(JSON.parse(box.value)); } catch { box.setCustomValidity("Expected a number, a list or null"); box.reportValidity(); }
    });
    return [box];
  },
};

// The controls of a step. `change(step)` is called with a new step; `tools` makes steps within steps.
export function controls(entry, step, change, tools) {
  let now = step;
  const own = [], common = [];
  for (const field of entry.fields) {
    if (!(field.name in step) || (field.kind === "value" && field.measured && step[field.name] === null)) continue;
    const set = (to) => { now = { ...now, [field.name]: to }; change(now); };
    const id = `field-${number++}`;
    const label = field.kind === "flag" ? [] : [element("span", { id }, words(field.name))];
    const hint = element("span", { className: "hint" }, field.doc);
    (field.common ? common : own).push(element("div", { className: "field", role: "group", "aria-label": words(field.name) },
      ...label, ...makers[field.kind](field, step[field.name], set, tools), ...(field.doc ? [hint] : [])));
  }
  if (!common.length) return own;
  const more = element("details", { className: "more" }, element("summary", {}, entry.fields.filter((one) => one.common && one.name in step).map((one) => words(one.name)).join(", ")), ...common);
  return [...own, more];
}
