// Cells: from what a person writes to what the graph takes, and back.
// The rules are those of the scoring server, so that a row means the same in both.

const DAY_US = 86_400_000_000n;
const DAY_MS = 86_400_000;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const ISO =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?(?:Z|([+-])(\d{2}):?(\d{2}))?)?$/;
const EDGES =
  /^[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+|[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$/g;
const EXPECTED = {
  number: "Write a number, with a point for decimals: 12.5.",
  integer: "Write a whole number.",
  boolean: "Choose one.",
  category: "Write or choose a value.",
  text: "Write some text.",
  date: "Write a date as 2024-05-17, with a time as 2024-05-17T13:30 if need be.",
};
/** First and last day of the years 1 to 9999, as days since 1970. */
const FIRST_DAY = -719162;
const LAST_DAY = 2932896;

/** Whether the graph takes the column as a string. */
export function isText(column) {
  return column.kind === "category" || column.kind === "text";
}

/** What was written in a field, as the graph takes it: `{ value }`, or `{ error }`. */
export function readCell(column, written) {
  const cell = written.replace(EDGES, "");
  if (cell === "") {
    const missing = isText(column) ? "" : NaN;
    return column.nullable ? { value: missing } : { error: EXPECTED[column.kind] };
  }
  if (isText(column)) {
    const readable = !cell.includes("\0") && isWellFormed(cell);
    return readable ? { value: cell } : { error: "A character here cannot be read: remove it." };
  }
  const value = READERS[column.kind](cell);
  return Number.isFinite(value) ? { value } : { error: EXPECTED[column.kind] };
}

/** A value as the graph takes it, as its field shows it. */
export function writeCell(column, value) {
  if (isMissing(value)) return "";
  if (column.kind === "boolean") return value ? "1" : "0";
  if (column.kind === "date") return writeMoment(value);
  return String(value);
}

/** A value as the graph takes it, as a person would say it; empty where it is missing. */
export function spell(value, kind) {
  if (isMissing(value)) return "";
  if (typeof value === "string") return value;
  if (kind === "boolean") return value ? "true" : "false";
  if (kind === "date") return spellDay(value);
  return general(value, 10);
}

export function isMissing(value) {
  return value === null || value === "" || Number.isNaN(value);
}

/** Whether two values of one column are the same to the model. */
export function isSame(one, other) {
  return one === other || (isMissing(one) && isMissing(other));
}

/** A positive amount with as many digits as help. */
export function roundForPeople(amount) {
  if (amount < 100) return general(amount, 3);
  return toEven(amount, wholeDigits(amount)).toLocaleString("en", { maximumFractionDigits: 0 });
}

/** Python's `{:.<digits>g}` of a finite number. */
export function general(number, digits) {
  if (number === 0) return Object.is(number, -0) ? "-0" : "0";
  const [mantissa, exponent] = toEven(number, digits).toExponential(digits - 1).split("e");
  const power = Number(exponent);
  if (power < -4 || power >= digits) {
    const sign = power < 0 ? "-" : "+";
    return `${trimmed(mantissa)}e${sign}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  return trimmed(toEven(number, digits).toFixed(digits - 1 - power));
}

/** A number as an answer shows it. */
export function showNumber(value) {
  const digits = Math.max(4, wholeDigits(Math.abs(value)));
  return value.toLocaleString("en", { maximumSignificantDigits: Math.min(digits, 17) });
}

export function showPercent(share) {
  return share.toLocaleString("en", { style: "percent", maximumFractionDigits: 1 });
}

const READERS = {
  number: readNumber,
  integer: (cell) => (readNumber(cell) % 1 ? NaN : readNumber(cell)),
  boolean: (cell) => ({ 1: 1, 0: 0 })[cell] ?? NaN,
  date: readMoment,
};

function readNumber(cell) {
  return NUMBER.test(cell) ? Number(cell) : NaN;
}

/** Days since 1970 of an ISO 8601 date or time; NaN where it is none. */
function readMoment(cell) {
  const found = ISO.exec(cell);
  if (!found) return NaN;
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map((part) => Number(part ?? 0));
  const date = dayOf(year, month, day);
  if (year < 1 || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return NaN;
  const [offsetHours, offsetMinutes] = found.slice(9, 11).map((part) => Number(part ?? 0));
  if (hour > 23 || minute > 59 || second > 59 || offsetHours > 23 || offsetMinutes > 59) return NaN;
  const offset = (found[8] === "-" ? -60 : 60) * (60 * offsetHours + offsetMinutes);
  const seconds = date.getTime() / 1000 + 3600 * hour + 60 * minute + second - offset;
  const micros = BigInt(seconds) * 1_000_000n + BigInt((found[7] ?? "").padEnd(6, "0"));
  return Number(micros) / Number(DAY_US);
}

function dayOf(year, month, day) {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date;
}

function writeMoment(days) {
  const text = new Date(Math.round(days * DAY_MS)).toISOString();
  return Number.isInteger(days) ? text.slice(0, 10) : text.slice(0, 19);
}

function spellDay(days) {
  const day = Math.floor(Math.round(days * Number(DAY_US)) / Number(DAY_US));
  if (day < FIRST_DAY || day > LAST_DAY) return `day ${Math.round(days).toFixed(0)}`;
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

function wholeDigits(amount) {
  return amount < 1 ? 1 : Math.floor(amount).toLocaleString("en", { useGrouping: false }).length;
}

/** Rounded to `digits` digits, halves to even, as Python rounds. */
function toEven(number, digits) {
  const [mantissa, exponent] = number.toExponential(100).split("e");
  const shown = mantissa.replace("-", "").replace(".", "");
  const half = shown[digits] === "5" && /^0*$/.test(shown.slice(digits + 1));
  if (!half || Number(shown[digits - 1]) % 2) return Number(number.toPrecision(Math.min(digits, 100)));
  const kept = `${shown[0]}.${shown.slice(1, digits)}`;
  return Math.sign(number) * Number(`${kept}e${exponent}`);
}

function trimmed(decimal) {
  return decimal.includes(".") ? decimal.replace(/\.?0+$/, "") : decimal;
}

function isWellFormed(text) {
  return !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text);
}
