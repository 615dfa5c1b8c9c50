// The page: description, form, model, answer, in this order; each refusal is said where it falls.

import { showAnswer } from "./answer.js";
import { byId, facts, make } from "./elements.js";
import { Form } from "./form.js";
import { Refusal, openModel, readDescription } from "./model.js";

/** Resolves to the open model, or to null where the page refused; for programs and tests. */
export const model = start();

async function start() {
  window.addEventListener("error", () => refuse(null));
  window.addEventListener("unhandledrejection", () => refuse(null));
  try {
    const description = await readDescription();
    showRecord(description);
    const form = new Form(description.columns);
    const opening = open(description);
    listen(form, opening, description);
    return await opening;
  } catch (error) {
    refuse(error);
    return null;
  }
}

async function open(description) {
  tell("Loading the model …");
  const progress = byId("progress");
  progress.hidden = false;
  const model = await openModel(description, (share) => (progress.value = share));
  progress.hidden = true;
  tell("Ready. Press Predict.");
  return model;
}

function listen(form, opening, description) {
  const typical = description.columns.map((column) => column.typical);
  form.fill(typical);
  byId("still").hidden = true;
  byId("desk").hidden = false;
  byId("form").addEventListener("submit", (event) => {
    event.preventDefault();
    predict(form, opening, description).catch(refuse);
  });
  byId("form").addEventListener("input", markOld);
  byId("example").addEventListener("click", () => {
    form.fill(typical);
    markOld();
  });
  byId("clear").addEventListener("click", () => {
    form.clear();
    markOld();
  });
}

async function predict(form, opening, description) {
  const row = form.read();
  if (!row) {
    tell("Some fields need another value.");
    return;
  }
  const model = await opening;
  tell("Computing …");
  const [answer] = await model.answers([row]);
  const reasons = await model.reasons(row);
  const shown = { description, novelties: model.novelties(row), reasons };
  if (!isFinite(answer)) {
    byId("result").replaceChildren();
    tell("The model’s answer is not a finite number, so it is not given. Check the row for extreme values.");
    return;
  }
  byId("result").replaceChildren(...showAnswer(answer, shown));
  byId("answer").classList.remove("old");
  byId("answer").scrollIntoView({ block: "nearest" });
  tell("Computed from the row as it stands.");
}

function isFinite({ value, lower, upper, probabilities }) {
  const numbers = probabilities ?? [value, lower ?? 0, upper ?? 0];
  return numbers.every(Number.isFinite);
}

function markOld() {
  if (!byId("result").childElementCount) return;
  byId("answer").classList.add("old");
  tell("The row has changed since. Press Predict again.");
}

function showRecord(description) {
  const { question, runtime, version, model_digest: digest } = description;
  byId("about").hidden = false;
  const none = "Nothing was written down.";
  byId("use").append(
    ...facts([
      ["Intended use", question.intended_use || none],
      ["Out of scope", question.out_of_scope || none],
      ["Decision it supports", question.decision],
      ["Owner", question.owner],
    ]),
  );
  byId("record").append(
    ...facts([
      ["Version", version],
      ["Hallmark struck", description.struck_at],
      ["Signed by key", code(description.signed_by)],
      ["Digest of the model", code(digest)],
      ["Digest of this description", code(document.querySelector("meta[name=assay-description]").content)],
      ["Engine", `${runtime.package} ${runtime.version} (MIT licence, Microsoft), WebAssembly, one thread`],
    ]),
  );
}

function code(text) {
  return make("code", { text });
}

function tell(text) {
  byId("status").textContent = text;
}

function refuse(error) {
  const known = error instanceof Refusal;
  const text = known
    ? error.message
    : "Something went wrong that should not have. Load the page again; if that does not help, use a current browser and export the version again.";
  byId("still").hidden = true;
  byId("progress").hidden = true;
  byId("desk").hidden = true;
  byId("problem").replaceChildren(make("h2", { text: "No answer can be given here" }), make("p", { text }));
  tell("");
}
