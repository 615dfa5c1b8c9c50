// Small words for making elements. Text is always text: nothing is read as HTML.

/** An element with attributes and children; `text` is its text. */
export function make(tag, { text, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined) element.setAttribute(name, value);
  }
  if (text !== undefined) element.textContent = text;
  element.append(...children);
  return element;
}

export function byId(id) {
  return document.getElementById(id);
}

/** Terms and what they say; pairs without a saying are left out. */
export function facts(pairs) {
  return pairs
    .filter(([, said]) => said)
    .flatMap(([term, said]) => [
      make("dt", { text: term }),
      typeof said === "string" ? make("dd", { text: said }) : make("dd", {}, said),
    ]);
}
