// The form: one field a column, made from the contract.

import { isMissing, isText, readCell, spell, writeCell } from "./cells.js";
import { byId, make } from "./elements.js";

const FEW = 20;
const OTHER = "other";
const MISSING = "missing";

/** Fields of all columns; `read()` gives the row or null, where some field is wrong. */
export class Form {
  constructor(columns) {
    this.fields = columns.map((column, place) => new Field(column, `cell-${place}`));
    byId("fields").append(...this.fields.map((field) => field.element));
  }

  fill(row) {
    this.fields.forEach((field, place) => field.write(row[place]));
  }

  clear() {
    this.fields.forEach((field) => field.write(isText(field.column) ? "" : NaN));
  }

  /** The row as the graph takes it; null where a field is wrong, which then has the focus. */
  read() {
    const read = this.fields.map((field) => field.read());
    const wrong = this.fields.find((_, place) => "error" in read[place]);
    wrong?.control.focus();
    return wrong ? null : read.map(({ value }) => value);
  }
}

class Field {
  constructor(column, id) {
    this.column = column;
    this.error = make("p", { class: "error", id: `${id}-error`, hidden: true });
    this.hint = make("p", { class: "hint", id: `${id}-hint`, text: hintOf(column) });
    this.control = controlOf(column, { id, "aria-describedby": `${id}-hint` });
    if (!column.nullable) this.control.setAttribute("aria-required", "true");
    const label = make("label", { for: id, text: column.name });
    this.element = make("div", { class: `field ${column.kind}` }, label, this.control);
    if (column.kind === "category" && hasList(column)) this.addList(id);
    else if (this.control.tagName === "SELECT" && column.kind === "category") this.addOther(id);
    this.element.append(this.hint, this.error);
  }

  write(value) {
    const text = writeCell(this.column, value);
    const known = this.control.tagName !== "SELECT" || this.offers(text);
    this.control.value = known ? text || this.blank() : OTHER;
    if (this.other) {
      this.other.value = known ? "" : text;
      this.showOther();
    }
    this.say("");
  }

  read() {
    const chosen = this.control.value;
    const special = this.control.tagName === "SELECT" && (chosen === MISSING || chosen === "");
    const written = this.other && chosen === OTHER ? this.other.value : chosen;
    const result = readCell(this.column, special ? "" : written);
    this.say(result.error ?? "");
    return result;
  }

  say(problem) {
    const active = this.other && !this.other.hidden ? this.other : this.control;
    this.error.textContent = problem;
    this.error.hidden = !problem;
    for (const control of [this.control, this.other].filter(Boolean)) {
      const wrong = problem && control === active;
      control.setAttribute("aria-describedby", wrong ? `${this.error.id} ${this.hint.id}` : this.hint.id);
      if (wrong) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    }
  }

  addList(id) {
    const list = make("datalist", { id: `${id}-list` });
    list.append(...this.column.categories.map((level) => make("option", { value: level })));
    this.control.setAttribute("list", list.id);
    this.element.append(list);
  }

  addOther(id) {
    this.other = make("input", {
      id: `${id}-other`,
      type: "text",
      autocomplete: "off",
      "aria-label": `${this.column.name}: another value`,
      hidden: true,
    });
    this.element.append(this.other);
    this.control.addEventListener("change", () => {
      this.showOther();
      if (!this.other.hidden) this.other.focus();
    });
  }

  showOther() {
    this.other.hidden = this.control.value !== OTHER;
  }

  offers(text) {
    return text === "" || [...this.control.options].some((option) => option.value === text);
  }

  /** What stands in the field for no value. */
  blank() {
    if (this.control.tagName !== "SELECT") return "";
    return this.column.nullable ? MISSING : "";
  }
}

function hasList({ categories }) {
  return categories.length > FEW;
}

function controlOf(column, attributes) {
  if (column.kind === "text") return make("textarea", { ...attributes, rows: 3 });
  if (column.kind === "boolean") return select(column, truthWords(column), attributes);
  if (column.kind === "category" && column.categories.length && !hasList(column)) {
    const levels = column.categories.map((level) => [level, level]);
    return select(column, [...levels, [OTHER, "another value …"]], attributes);
  }
  const days = column.kind === "date" && wholeDays(column);
  const mode = { number: "decimal", integer: "numeric" }[column.kind];
  return make("input", {
    ...attributes,
    type: days ? "date" : "text",
    inputmode: mode,
    autocomplete: "off",
    spellcheck: "false",
  });
}

function select(column, options, attributes) {
  const blank = column.nullable ? [MISSING, "missing"] : ["", "choose …"];
  const made = [blank, ...options].map(([value, text]) => make("option", { value, text }));
  return make("select", attributes, ...made);
}

/** The values 1 and 0 with the words that the table had for them. */
function truthWords({ words }) {
  return [
    ["1", words.true],
    ["0", words.false],
  ];
}

function wholeDays({ low, high, typical }) {
  return [low, high, typical].every((day) => day === null || Number.isInteger(day));
}

function hintOf({ kind, low, high, nullable, categories, typical, words }) {
  const parts = [];
  if (low !== null && high !== null && kind !== "boolean") {
    parts.push(`${spell(low, kind)} to ${spell(high, kind)} in training`);
  } else if (kind === "category" && categories.length > FEW) {
    parts.push(`${categories.length} values in training`);
  }
  if (kind === "boolean" && !isMissing(typical)) parts.push(`typically ${words[Boolean(typical)]}`);
  else if (kind !== "text" && !isMissing(typical)) parts.push(`typically ${spell(typical, kind)}`);
  if (nullable) parts.push("may be missing");
  return parts.join("; ");
}
