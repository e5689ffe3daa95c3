// Requests to the server. The key is in a cookie that no script can read.

export class Impossible extends Error {
  constructor(message, step) { super(message); this.step = step; }
}

// What was asked for is no longer wanted.
export class Outdated extends Error {}

async function checked(response) {
  if (response.ok) return response;
  if (response.status === 409) throw new Outdated();
  const type = response.headers.get("content-type") || "";
  if (!type.startsWith("application/json")) throw new Impossible(await response.text(), null);
  const told = await response.json();
  throw new Impossible(told.error, told.step ?? null);
}

export async function begin() {
  return (await checked(await fetch("/api/begin"))).json();
}

export async function post(path, content, signal) {
  const options = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(content), signal };
  return checked(await fetch(path, options));
}

export async function openFile(file) {
  const options = { method: "POST", headers: { "content-type": "application/octet-stream" }, body: file };
  return (await checked(await fetch("/api/open", options))).json();
}

// A grid: a JSON text behind its length, then pixels as a canvas takes them.
export async function draw(work, quick, signal) {
  const buffer = await (await post(`/api/draw?quick=${quick ? 1 : 0}`, work, signal)).arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const drawing = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const start = 4 + length;
  for (const cell of drawing.cells) {
    if (cell.at === undefined) continue;
    const count = cell.height * cell.width;
    cell.image = new ImageData(new Uint8ClampedArray(buffer, start + cell.at, count * 4), cell.width, cell.height);
    if (cell.mask !== undefined) cell.classes = new Uint8Array(buffer, start + cell.mask, count);
  }
  return drawing;
}

export function download(content, name, type) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
