// Runs one graph on rows with onnxruntime-web, in node: score.mjs RUNTIME GRAPH.
//
// Each line of standard input names a folder that holds job.json and one file an input: doubles as
// they lie in memory, strings as a JSON list. Outputs are written there the same way, and listed in
// the line that answers. With `calls`, the first row alone is run so often instead, and the
// milliseconds of each call are written.

import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [runtime, graph] = process.argv.slice(2).map((given) => path.resolve(given));

function bytesOf(file) {
  const body = readFileSync(file);
  return body.buffer.slice(body.byteOffset, body.byteOffset + body.byteLength);
}

function bytesOfTensor(data) {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

function reply(told) {
  process.stdout.write(`${JSON.stringify({ assay: told })}\n`);
}

async function open() {
  const ort = await import(pathToFileURL(path.join(runtime, "ort.wasm.bundle.min.mjs")));
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = bytesOf(path.join(runtime, "ort-wasm-simd-threaded.wasm"));
  const session = await ort.InferenceSession.create(new Uint8Array(bytesOf(graph)), {
    executionProviders: ["wasm"],
    logSeverityLevel: 3,
  });
  return [ort, session];
}

function readInput(folder, { name, type, width, file }) {
  const where = path.join(folder, file);
  const text = type === "string";
  const values = text
    ? JSON.parse(readFileSync(where, "utf8"))
    : new Float64Array(bytesOf(where));
  return { name, type: text ? "string" : "float64", width, values };
}

function feedsOf(ort, inputs, first, last) {
  const feeds = {};
  for (const { name, type, width, values } of inputs) {
    const part = values.slice(first * width, last * width);
    feeds[name] = new ort.Tensor(type, part, [last - first, width]);
  }
  return feeds;
}

async function score(ort, session, folder, job, inputs) {
  const parts = new Map(session.outputNames.map((name) => [name, []]));
  for (let first = 0; first < job.rows; first += job.batch) {
    const feeds = feedsOf(ort, inputs, first, Math.min(first + job.batch, job.rows));
    const found = await session.run(feeds);
    for (const [name, tensor] of Object.entries(found)) parts.get(name).push(tensor);
  }
  return [...parts].map(([name, tensors], place) => writeOutput(folder, name, tensors, place));
}

function writeOutput(folder, name, tensors, place) {
  const { type, dims } = tensors[0];
  const file = `output-${place}`;
  const body =
    type === "string"
      ? JSON.stringify(tensors.flatMap((tensor) => tensor.data))
      : Buffer.concat(tensors.map(({ data }) => bytesOfTensor(data)));
  writeFileSync(path.join(folder, file), body);
  return { name, type, file, row: dims.slice(1) };
}

async function time(ort, session, folder, job, inputs) {
  const feeds = feedsOf(ort, inputs, 0, 1);
  const taken = new Float64Array(job.calls);
  for (let call = 0; call < job.warmup; call += 1) await session.run(feeds);
  for (let call = 0; call < job.calls; call += 1) {
    const began = performance.now();
    await session.run(feeds);
    taken[call] = performance.now() - began;
  }
  writeFileSync(path.join(folder, "taken"), bytesOfTensor(taken));
  return [{ name: "taken", type: "float64", file: "taken", row: [] }];
}

async function answer(ort, session, folder) {
  const job = JSON.parse(readFileSync(path.join(folder, "job.json"), "utf8"));
  const inputs = job.inputs.map((input) => readInput(folder, input));
  const work = job.calls ? time : score;
  return { outputs: await work(ort, session, folder, job, inputs) };
}

try {
  const [ort, session] = await open();
  reply({ open: true });
  for await (const folder of createInterface({ input: process.stdin })) {
    // What went wrong may quote a cell, so it is not told.
    reply(await answer(ort, session, folder).catch(() => ({ failed: true })));
  }
} catch (error) {
  reply({ open: false, message: String(error?.message ?? error).slice(0, 400) });
}
