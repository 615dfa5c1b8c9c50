// The answer: value or probabilities, what is unusual about the row, and the reasons.

import { showNumber, showPercent, spell } from "./cells.js";
import { make } from "./elements.js";

/** Elements that show one answer. */
export function showAnswer(answer, { description, novelties, reasons }) {
  const { kind } = description;
  const head = kind === "regression" ? showValue(answer, description) : showClass(answer, description);
  const shown = [...head];
  if (novelties.length) shown.push(...showNovelties(novelties, description.columns));
  shown.push(make("h3", { text: "Why" }), ...showReasons(reasons, description));
  return shown;
}

function showValue({ value, lower, upper }, { question, coverage }) {
  const said = `${showNumber(value)} ${question.unit}`.trimEnd();
  const shown = [make("p", { class: "value" }, make("data", { id: "value", value, text: said }))];
  if (lower === undefined) {
    return [...shown, make("p", { class: "quiet", text: "There were too few rows to give an interval." })];
  }
  const range = make("p", { class: "range" });
  range.append(
    make("data", { id: "lower", value: lower, text: showNumber(lower) }),
    " to ",
    make("data", { id: "upper", value: upper, text: `${showNumber(upper)} ${question.unit}`.trimEnd() }),
  );
  const note = `About ${showPercent(coverage)} of intervals made this way hold the true value, on rows like those it was calibrated on.`;
  return [...shown, range, make("p", { class: "quiet", text: note })];
}

function showClass({ label, probabilities, set }, description) {
  const { classes, coverage, threshold, cut_by: cutBy } = description;
  const shown = [
    make("p", { class: "value" }, make("data", { id: "label", value: label, text: label })),
    make("ul", { class: "bars", "aria-label": "Probabilities" }, ...classes.map((name, k) => bar(name, probabilities[k]))),
  ];
  if (cutBy?.length) {
    const depends = `From which probability on ${classes[1]} is the answer depends on ${cutBy.join(" and ")}.`;
    shown.push(make("p", { class: "quiet", text: depends }));
  } else if (classes.length === 2 && threshold !== 0.5) {
    const from = `${classes[1]} is the answer from a probability of ${showPercent(threshold)} on.`;
    shown.push(make("p", { class: "quiet", text: from }));
  }
  if (set) shown.push(make("p", { id: "set", class: "quiet", "data-set": JSON.stringify(set), text: inSet(set, coverage) }));
  return shown;
}

function inSet(set, coverage) {
  if (!set.length) return `No class is likely enough to be named at ${showPercent(coverage)} coverage.`;
  const named = set.length === 1 ? `only ${set[0]}` : set.join(", ");
  return `Set at ${showPercent(coverage)} coverage: ${named}. About ${showPercent(coverage)} of sets made this way hold the true class, on rows like those it was calibrated on.`;
}

function bar(name, share) {
  const fill = make("span", { class: "fill" });
  fill.style.width = `${100 * share}%`;
  return make(
    "li",
    {},
    make("span", { class: "name", text: name }),
    make("data", { class: "share", value: share, text: showPercent(share) }),
    make("span", { class: "track", "aria-hidden": "true" }, fill),
  );
}

function showNovelties(novelties, columns) {
  const kinds = new Map(columns.map((column) => [column.name, column]));
  const items = novelties.map(({ column, kind }) => make("li", { text: unusual(kinds.get(column), kind) }));
  return [make("h3", { text: "Unlike the rows seen in training" }), make("ul", { class: "notices" }, ...items)];
}

function unusual({ name, kind, low, high }, novelty) {
  if (novelty === "unseen category") return `${name}: this value was not seen in training.`;
  const side = novelty === "below range" ? "below" : "above";
  return `${name} lies ${side} the range seen in training, ${spell(low, kind)} to ${spell(high, kind)}.`;
}

function showReasons(reasons, { reasons: facts }) {
  if (reasons === null) {
    const why = `Reasons are not worked out for models that read more than ${facts.most} columns.`;
    return [make("p", { class: "quiet", text: why })];
  }
  if (!reasons.length) {
    return [make("p", { class: "quiet", text: "No column moves the answer away from that of the typical row." })];
  }
  const most = Math.max(...reasons.map(({ effect }) => Math.abs(effect)));
  const items = reasons.map((reason) => reasonItem(reason, most));
  return [
    make("ol", { class: "reasons" }, ...items),
    make("p", {
      class: "quiet",
      text: "Each column’s share in the difference from the typical row’s answer (Shapley values). It says what the model did, not what causes what.",
    }),
  ];
}

function reasonItem({ column, effect, text }, most) {
  const fill = make("span", { class: `fill ${effect > 0 ? "up" : "down"}` });
  fill.style.width = `${(50 * Math.abs(effect)) / most}%`;
  return make(
    "li",
    { "data-column": column, "data-effect": effect },
    make("span", { class: "text", text }),
    make("span", { class: "track middle", "aria-hidden": "true" }, fill),
  );
}
