// Why one answer is what it is: Shapley values of the columns against the typical row, by the
// same coalitions and orders as Assay's own, and in the same words.

import { isSame, roundForPeople, spell } from "./cells.js";

const NOTHING = 1e-9;

/**
 * Which sets of players to ask, and how their answers make Shapley values.
 * `sets` are arrays of 0 and 1; `shares(values)` gives one number a player.
 */
export function coalitions(players, { permutations, orders }) {
  if (players < 31 && 2 ** players <= permutations * (players + 1)) return everySet(players);
  return walks(orders(players), players);
}

/** Orders by number of players, as they lie in the file: each as many as `pairs`. */
export function readOrders(bytes, { least, pairs }) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return (players) => {
    const before = (pairs * (players * (players - 1) - least * (least - 1))) / 2;
    return Array.from({ length: pairs }, (_, order) =>
      Array.from({ length: players }, (_, place) =>
        view.getUint16(2 * (before + order * players + place), true),
      ),
    );
  };
}

/** Contributions of every column to one row's answer; see `coalitions` for `plan`. */
export async function contributions(row, typical, plan, ask) {
  const players = row.flatMap((value, column) => (isSame(value, typical[column]) ? [] : [column]));
  const { sets, shares } = coalitions(players.length, plan);
  const rows = sets.map((set) => mixed(row, typical, players, set));
  const own = sets.findIndex((set) => set.every(Boolean));
  const values = await ask(rows, own);
  const effects = row.map(() => 0);
  shares(values).forEach((share, player) => (effects[players[player]] = share));
  return effects;
}

/** The strongest effects, strongest first, in words. */
export function inWords(effects, { row, typical, columns, count, label, unit }) {
  const order = effects.map((_, column) => column);
  order.sort((one, other) => Math.abs(effects[other]) - Math.abs(effects[one]) || one - other);
  return order
    .slice(0, count)
    .filter((column) => Math.abs(effects[column]) > NOTHING)
    .map((column) => {
      const { name, kind } = columns[column];
      const seen = compared(name, spell(row[column], kind), spell(typical[column], kind));
      const text = `${seen} ${consequence(effects[column], label, unit)}`;
      return { column: name, effect: effects[column], text };
    });
}

function everySet(players) {
  const sets = Array.from({ length: 2 ** players }, (_, number) =>
    Array.from({ length: players }, (_, player) => (number >> player) & 1),
  );
  const weights = Array.from(
    { length: players },
    (_, size) => (factorial(size) * factorial(players - size - 1)) / factorial(players),
  );
  const shares = (values) =>
    Array.from({ length: players }, (_, player) =>
      sum(sets.map((set, place) => values[place] * weightOf(set, player, weights))),
    );
  return { sets, shares };
}

function weightOf(set, player, weights) {
  const size = sum(set);
  return set[player] ? weights[size - 1] : -weights[size];
}

/** Each order and its reverse, from nobody to everybody; a set met twice is asked once. */
function walks(orders, players) {
  const all = [...orders, ...orders.map((order) => [...order].reverse())];
  const places = new Map();
  const sets = [];
  const steps = all.map((order) => {
    const set = new Array(players).fill(0);
    const walk = [placeOf(set, places, sets)];
    for (const player of order) {
      set[player] = 1;
      walk.push(placeOf(set, places, sets));
    }
    return walk;
  });
  const shares = (values) => {
    const found = new Array(players).fill(0);
    all.forEach((order, number) =>
      order.forEach((player, step) => {
        const gain = values[steps[number][step + 1]] - values[steps[number][step]];
        found[player] += gain / all.length;
      }),
    );
    return found;
  };
  return { sets, shares };
}

function placeOf(set, places, sets) {
  const key = set.join("");
  if (!places.has(key)) {
    places.set(key, sets.length);
    sets.push([...set]);
  }
  return places.get(key);
}

function mixed(row, typical, players, set) {
  const made = [...typical];
  players.forEach((column, player) => {
    if (set[player]) made[column] = row[column];
  });
  return made;
}

function compared(name, own, typical) {
  if (!own) return `${name} missing against a typical ${typical}`;
  if (!typical) return `${name} ${own}, which is typically missing,`;
  return `${name} ${own} against a typical ${typical}`;
}

function consequence(effect, label, unit) {
  const verb = effect > 0 ? "raises" : "lowers";
  if (label) {
    const points = roundForPeople(Math.abs(effect) * 100);
    return `${verb} the probability of ${quoted(label)} by ${points} percentage points`;
  }
  return `${verb} the answer by ${roundForPeople(Math.abs(effect))} ${unit}`.trimEnd();
}

function quoted(label) {
  const mark = label.includes("'") && !label.includes('"') ? '"' : "'";
  const escaped = label.replaceAll("\\", "\\\\");
  return mark + (mark === "'" ? escaped.replaceAll("'", "\\'") : escaped) + mark;
}

function factorial(n) {
  return n < 2 ? 1 : n * factorial(n - 1);
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}
