// Which words speak for a label, by the signature `explain`.

import { Problem, predict } from "./api.js";
import { element } from "./view.js";

const SHADES = 4;
const NAMED = 3;
const FAINT = 0.05; // of the strongest word: less is not coloured

/** A button that explains an answer; `outputs` are the outputs' names, the one to begin with first. */
export function whyPart(chosen, text, outputs) {
  const part = element("div", { class: "why" });
  const button = element("button", { type: "button", class: "more" }, "Which words did it?");
  button.addEventListener("click", () => open(part, button, chosen, text, outputs));
  part.append(button);
  return part;
}

async function open(part, button, chosen, text, outputs) {
  const select = element("select", {}, ...outputs.map((name) => element("option", {}, name)));
  const shown = element("div", { role: "status" });
  let asking = null; // the AbortController of the last label
  button.disabled = true;
  const show = async () => {
    asking?.abort();
    const { signal } = (asking = new AbortController());
    shown.replaceChildren(element("p", { class: "small" }, "Weighing the words …"));
    try {
      shown.replaceChildren(...explained(await explain(chosen, text, select.value, signal)));
    } catch (problem) {
      if (signal.aborted) return;
      if (!(problem instanceof Problem)) console.error(problem);
      shown.replaceChildren(element("p", { class: "notice bad" }, problem.message));
    }
  };
  select.addEventListener("change", show);
  part.replaceChildren(element("label", {}, "What the words add to ", select), shown);
  select.focus();
  await show();
}

async function explain(chosen, text, label, signal) {
  const outputs = await predict(chosen, { text: [text], label: [label] }, signal, "explain");
  const words = outputs.words[0].map((word, index) => ({ word, value: outputs.values[0][index] }));
  return { words, score: outputs.score[0], hidden: outputs.baseline_score[0] };
}

function explained({ words, score, hidden }) {
  const strongest = Math.max(...words.map(({ value }) => Math.abs(value)), 1e-9);
  const parts = words.flatMap(({ word, value }) => [coloured(word, value, strongest), " "]);
  const told = `The score is ${score.toFixed(3)}; with every word hidden it would be ${hidden.toFixed(3)}.`;
  return [
    element("p", { class: "words" }, ...parts),
    element("p", { class: "small" }, told, ...named("For it", words, 1), ...named("Against it", words, -1)),
  ];
}

function coloured(word, value, strongest) {
  const share = Math.abs(value) / strongest;
  if (share < FAINT) return word;
  const shade = Math.ceil(share * SHADES);
  return element("span", { class: `${value > 0 ? "for" : "against"}-${shade}`, title: signed(value) }, word);
}

/** The strongest words of one side, in words: colours alone say nothing to some. */
function named(title, words, side) {
  const strong = words.filter(({ value }) => side * value >= 0.0005).sort((a, b) => side * (b.value - a.value));
  if (!strong.length) return [];
  const list = strong.slice(0, NAMED).map(({ word, value }) => `${word} ${signed(value)}`);
  return [` ${title}: ${list.join(", ")}.`];
}

function signed(value) {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`;
}
