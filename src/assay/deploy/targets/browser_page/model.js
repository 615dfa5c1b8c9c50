// The model: its description and bytes, held to their digests, then run by onnxruntime-web.

import { isText } from "./cells.js";
import { digestOf } from "./digest.js";
import { contributions, inWords, readOrders } from "./reasons.js";

/** A problem whose message a person can act on. */
export class Refusal extends Error {}

/** page.json, held to the digest that the page itself names. */
export async function readDescription() {
  const expected = document.querySelector("meta[name=assay-description]").content;
  const bytes = await load("page.json");
  await hold("page.json", bytes, expected);
  return JSON.parse(new TextDecoder().decode(bytes));
}

/** Load and check everything that runs, and open the graph. */
export async function openModel(description, onProgress = () => {}) {
  const { files } = description.runtime;
  const graph = await load("model.onnx");
  await hold("model.onnx", graph, description.model_digest);
  const orders = await loadOrders(description.reasons);
  const [script, binary] = ["ort.wasm.bundle.min.js", "ort-wasm-simd-threaded.wasm"];
  await hold(script, await load(script), files[script].digest);
  const wasm = await load(binary, { size: files[binary].bytes, onProgress });
  await hold(binary, wasm, files[binary].digest);
  const ort = await import(`./${script}`);
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = wasm.buffer;
  const options = { executionProviders: ["wasm"], logSeverityLevel: 3 };
  return new Model(ort, await ort.InferenceSession.create(graph, options), description, orders);
}

/** An open graph. Rows are arrays of values as the graph takes them, in the columns' order. */
export class Model {
  constructor(ort, session, description, orders) {
    this.ort = ort;
    this.session = session;
    this.description = description;
    this.orders = orders;
    this.columns = description.columns;
    this.typical = this.columns.map(({ typical, kind }) => {
      const missing = isText({ kind }) ? "" : NaN;
      return typical ?? missing;
    });
  }

  /** Answers to rows: one object a row. */
  async answers(rows) {
    const found = await this.session.run(this.feeds(rows));
    const { kind } = this.description;
    return rows.map((_, row) => (kind === "regression" ? value(found, row) : this.label(found, row)));
  }

  /** The strongest reasons of one row, or nothing where the model reads too many columns. */
  async reasons(row) {
    const { reasons, question, classes, kind } = this.description;
    if (!reasons.available) return null;
    let explained = classes.length === 2 ? 1 : 0;
    const ask = async (rows, own) => {
      const answers = await this.answers(rows);
      if (classes.length > 2) explained = answers[own].position;
      return answers.map((answer) =>
        kind === "regression" ? answer.value : answer.probabilities[explained],
      );
    };
    const plan = { permutations: reasons.permutations, orders: this.orders };
    const effects = await contributions(row, this.typical, plan, ask);
    return inWords(effects, {
      row,
      typical: this.typical,
      columns: this.columns,
      count: reasons.count,
      label: classes[explained] ?? "",
      unit: question.unit,
    });
  }

  /** What is allowed, but unlike anything seen in training. */
  novelties(row) {
    return this.columns.flatMap((column, place) => novelty(column, row[place]));
  }

  feeds(rows) {
    const feeds = {};
    this.columns.forEach((column, place) => {
      const cells = rows.map((row) => row[place]);
      feeds[column.input] = isText(column)
        ? new this.ort.Tensor("string", cells, [rows.length, 1])
        : new this.ort.Tensor("float64", Float64Array.from(cells), [rows.length, 1]);
    });
    return feeds;
  }

  label(found, row) {
    const { classes, interval } = this.description;
    const start = row * classes.length;
    const probabilities = [...found.probabilities.data.slice(start, start + classes.length)];
    const position = Number(found.label.data[row]);
    const set = interval === null ? null : classes.filter((_, k) => probabilities[k] >= 1 - interval);
    return { label: classes[position], position, probabilities, set };
  }
}

function value(found, row) {
  const bounds = found.lower ? { lower: found.lower.data[row], upper: found.upper.data[row] } : {};
  return { value: found.prediction.data[row], ...bounds };
}

function novelty({ name, kind, low, high, categories }, value) {
  if (isText({ kind })) {
    const known = value === "" || !categories.length || categories.includes(value);
    return known ? [] : [{ column: name, kind: "unseen category" }];
  }
  if (low === null || high === null || !(value < low || value > high)) return [];
  return [{ column: name, kind: value < low ? "below range" : "above range" }];
}

async function loadOrders(reasons) {
  if (!reasons.orders) return () => [];
  const bytes = await load(reasons.orders.file);
  await hold(reasons.orders.file, bytes, reasons.orders.digest);
  return readOrders(bytes, reasons.orders);
}

async function hold(name, bytes, expected) {
  if ((await digestOf(bytes)) !== expected) {
    throw new Refusal(
      `${name} is not the file that this page was made for, so nothing is computed. ` +
        "Load the page again; if that does not help, export the version again.",
    );
  }
}

/** The bytes of a file beside the page, asked afresh so that no old copy of it is used. */
async function load(name, { size = 0, onProgress = () => {} } = {}) {
  const reply = await fetch(name, { cache: "no-cache" }).catch(() => null);
  if (!reply?.ok) {
    throw new Refusal(
      `${name} could not be loaded. See that the server still runs and that the whole folder is ` +
        "there, then load the page again.",
    );
  }
  if (!size || !reply.body) return new Uint8Array(await reply.arrayBuffer());
  return readStream(reply.body.getReader(), size, onProgress);
}

async function readStream(reader, size, onProgress) {
  const parts = [];
  let loaded = 0;
  for (;;) {
    const { done, value: part } = await reader.read();
    if (done) break;
    parts.push(part);
    loaded += part.length;
    onProgress(Math.min(1, loaded / size));
  }
  const whole = new Uint8Array(loaded);
  let place = 0;
  for (const part of parts) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}
