// Answers as tables of bars. Everything is made of text nodes: what a user pastes is never read as HTML.

const SHOWN = 5;
const DEVIATIONS = 3; // of a number from its mean, at the ends of its scale

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/** What a model says of a text; `answer` is {scores, predicted}, a value an output. */
export function answerCard(text, answer, description) {
  const tables = groups(description).map(({ head, columns }) => {
    const rows = columns.map(({ output, column, mean, std, threshold }) => ({
      label: output,
      applies: answer.predicted[column],
      value: answer.scores[column],
      ...(head.task === "regression"
        ? numberRow(answer.scores[column], mean, std)
        : labelRow(answer.scores[column], threshold)),
    }));
    const isNumbers = head.task === "regression";
    if (!isNumbers) rows.sort((a, b) => b.applies - a.applies || b.value - a.value);
    const titles = isNumbers ? ["Value", "Against the mean"] : ["Score", "Applies"];
    return table(titleOf(head, description), titles, rows, isNumbers ? "numbers" : "labels");
  });
  return element("article", {}, element("h3", { class: "quote" }, text), ...tables);
}

/** How often each label was decided, and the mean of each number, over the answers to a file. */
export function summaryTables(answers, description) {
  return groups(description).map(({ head, columns }) => {
    const isNumbers = head.task === "regression";
    const rows = columns.map(({ output, column, mean, std }) => {
      const values = answers.map((answer) => (isNumbers ? answer.scores : answer.predicted)[column]);
      const total = values.reduce((sum, value) => sum + Number(value), 0);
      const average = total / values.length;
      if (isNumbers) return { label: output, ...numberRow(average, mean, std) };
      const note = total.toLocaleString("en");
      return { label: output, value: total, strong: total > 0, share: average, figure: percent(average), note };
    });
    if (!isNumbers) rows.sort((a, b) => b.value - a.value);
    const titles = isNumbers ? ["Mean", "Against the mean"] : ["Share", "Texts"];
    return table(titleOf(head, description), titles, rows, isNumbers ? "numbers" : "counts");
  });
}

export function decided(answer, description) {
  return groups(description).flatMap(({ columns }) =>
    columns.filter(({ column }) => answer.predicted[column]).map(({ output }) => output)
  );
}

/** The outputs' names as the server knows them: what applies first, then by score. */
export function outputsByScore({ scores, predicted }, { heads }) {
  return heads
    .flatMap((head) => head.outputs)
    .map((name, column) => ({ name, applies: predicted[column], score: scores[column] }))
    .sort((a, b) => b.applies - a.applies || b.score - a.score)
    .map(({ name }) => name);
}

function titleOf(head, { heads }) {
  if (heads.length > 1) return head.name;
  return head.task === "regression" ? "Number" : "Emotion";
}

function groups(description) {
  let column = 0;
  return description.heads.map((head) => ({
    head,
    columns: head.outputs.map((name, index) => ({
      // Names of further heads stand as `head/name`.
      output: name.startsWith(`${head.name}/`) ? name.slice(head.name.length + 1) : name,
      mean: head.mean[index],
      std: head.std[index],
      threshold: description.thresholds[column],
      column: column++,
    })),
  }));
}

function labelRow(score, threshold) {
  if (!threshold) return { share: score, figure: percent(score), note: "if likeliest" };
  // Scores that would look like their threshold though they are not get a digit more.
  const digits = score !== threshold && percent(score) === percent(threshold) ? 1 : 0;
  return { share: score, mark: threshold, figure: percent(score, digits), note: `from ${percent(threshold, digits)}` };
}

function numberRow(value, mean, std) {
  const deviations = std ? (value - mean) / std : 0;
  const amount = Math.abs(deviations).toFixed(1);
  const note = amount === "0.0" ? "at the mean" : `${amount} SD ${deviations > 0 ? "above" : "below"}`;
  const share = Math.min(1, Math.max(0, 0.5 + deviations / (2 * DEVIATIONS)));
  return { share, from: 0.5, mark: 0.5, figure: value.toFixed(2), note };
}

function percent(share, digits = 0) {
  return `${(100 * share).toFixed(digits)} %`;
}

function table(title, [figure, note], rows, kind) {
  const body = element("tbody", {}, ...rows.map(barRow));
  const head = element(
    "thead",
    {},
    element(
      "tr",
      {},
      element("th", { scope: "col" }, title),
      element("td", { class: "bar-cell" }),
      element("th", { scope: "col", class: "number" }, figure),
      element("th", { scope: "col", class: "note" }, note)
    )
  );
  const made = element("table", { class: kind, "aria-label": title }, head, body);
  const shown = Math.max(SHOWN, rows.filter((row) => row.strong ?? row.applies).length);
  // A button that would show one row more is longer than the row.
  const more = rows.length > shown + 1 ? moreButton([...body.rows].slice(shown), rows.length) : "";
  return element("div", { class: "group" }, made, more);
}

function barRow({ label, applies = false, strong = applies, share, from = 0, mark = null, figure, note }) {
  const fill = element("span", { class: "fill" });
  const [left, right] = [Math.min(from, share), Math.max(from, share)];
  fill.style.left = `${100 * left}%`;
  fill.style.width = `${100 * (right - left)}%`;
  const bar = element("span", { class: "bar" }, fill);
  if (mark !== null) {
    const line = element("span", { class: "mark" });
    line.style.left = `${100 * mark}%`;
    bar.append(line);
  }
  return element(
    "tr",
    { class: strong ? "strong" : null },
    element("th", { scope: "row" }, ...(applies ? [tick(), label, unseen(" (applies)")] : [label])),
    element("td", { class: "bar-cell", "aria-hidden": "true" }, bar),
    element("td", { class: "number" }, figure),
    element("td", { class: "note" }, note)
  );
}

function tick() {
  return element("span", { class: "tick", "aria-hidden": "true" }, "✓");
}

function unseen(text) {
  return element("span", { class: "unseen" }, text);
}

function moreButton(rows, count) {
  const button = element("button", { type: "button", class: "more" });
  const show = (all) => {
    for (const row of rows) row.hidden = !all;
    button.textContent = all ? "Show fewer" : `Show all ${count}`;
    button.setAttribute("aria-expanded", String(all));
  };
  show(false);
  button.addEventListener("click", () => show(button.getAttribute("aria-expanded") === "false"));
  return button;
}
