import { Problem, hasKey, predict, predictPath, readModels, useKey } from "./api.js";
import { formatCsv, parseCsv } from "./csv.js";
import { answerCard, decided, element, outputsByScore, summaryTables } from "./view.js";
import { whyPart } from "./why.js";

const MOST_TEXTS = 100;
const TEXTS_A_REQUEST = 32;

const part = (id) => document.getElementById(id);
const texts = part("texts");
let models = [];
let table = null; // of the chosen file
let asking = null; // the AbortController of the last question
let running = null; // that of the file that is being scored
let resultsUrl = null;

function model() {
  return models[part("model").selectedIndex];
}

// The model

async function showModels() {
  const before = model();
  try {
    models = await readModels();
  } catch (problem) {
    return show(part("problem"), problem);
  }
  part("key-form").hidden = true;
  const name = ({ name, version }) => `${name}, version ${version}`;
  part("model").replaceChildren(...models.map((one) => element("option", {}, name(one))));
  const same = models.findIndex((one) => one.name === before?.name);
  part("model").selectedIndex = same < 0 ? 0 : same;
  part("model").hidden = models.length < 2;
  part("only-model").textContent = models.length === 1 ? name(models[0]) : "";
  showModel();
}

function showModel() {
  const description = model()?.description;
  showWhatCanBeDone();
  part("problem").replaceChildren();
  part("model-note").textContent = "";
  if (!models.length) return show(part("problem"), new Problem("The server has no model yet. Reload in a moment."));
  if (!description) {
    const words = "This model does not say what its outputs mean, so this page cannot show them. Models that emotion-pipeline exports do.";
    return show(part("problem"), new Problem(words));
  }
  const count = description.thresholds.length;
  part("model-note").textContent = `${count} outputs; it reads the first ${description.max_tokens} tokens of a text`;
  part("context-part").hidden = description.segments === 1;
  part("context-column-part").hidden = description.segments === 1;
  showCurl();
}

function showWhatCanBeDone() {
  const described = Boolean(model()?.description);
  part("ask").setAttribute("aria-disabled", String(!described)); // `disabled` would take the focus from it
  part("score-file").disabled = !described || !table || Boolean(running);
}

function show(where, problem) {
  if (problem.status === 401) part("key-form").hidden = false;
  if (!(problem instanceof Problem)) console.error(problem);
  where.replaceChildren(element("p", { class: "notice bad" }, problem.message));
}

part("model").addEventListener("change", () => {
  asking?.abort();
  part("answers").replaceChildren();
  part("said").textContent = "";
  showModel();
});

part("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  useKey(part("key").value);
  showModels();
});

// Asking

/** Answers to texts, null where a text is blank; `done` is called with how many are through. */
async function answersTo(chosen, columns, { signal, done = () => {}, answers = [] } = {}) {
  for (let start = 0; start < columns.text.length; start += TEXTS_A_REQUEST) {
    const rows = columns.text.map((_, row) => row).slice(start, start + TEXTS_A_REQUEST);
    const filled = rows.filter((row) => columns.text[row].trim());
    const found = new Map();
    if (filled.length) {
      const inputs = { text: filled.map((row) => columns.text[row]) };
      if (chosen.description.segments === 2) inputs.context = filled.map((row) => columns.context[row]);
      const outputs = await predict(chosen, inputs, signal);
      filled.forEach((row, index) => {
        found.set(row, { scores: outputs.scores[index], predicted: outputs.predicted[index] });
      });
    }
    answers.push(...rows.map((row) => found.get(row) ?? null));
    done(answers.length);
  }
  return answers;
}

function lines() {
  return texts.value.split(/\r\n|\r|\n/).filter((line) => line.trim());
}

/** Asks about the texts; the answer to an earlier question that is still under way is no longer wanted. */
async function ask() {
  const wanted = lines();
  const chosen = model();
  if (!chosen?.description) return;
  part("texts-problem").replaceChildren();
  if (!wanted.length || wanted.length > MOST_TEXTS) {
    const words = wanted.length
      ? `These are ${wanted.length} texts; here it takes at most ${MOST_TEXTS}. Put them into a file below.`
      : "There is no text yet. Type one, then ask again.";
    texts.focus();
    return show(part("texts-problem"), new Problem(words));
  }
  asking?.abort();
  const { signal } = (asking = new AbortController());
  part("said").textContent = "Asking the model …";
  try {
    const context = wanted.map(() => part("context").value);
    const answers = await answersTo(chosen, { text: wanted, context }, { signal });
    part("answers").replaceChildren(...wanted.map((text, row) => card(text, answers[row], chosen)));
    part("said").textContent = inShort(answers, chosen);
  } catch (problem) {
    if (signal.aborted) return;
    part("said").textContent = "";
    show(part("texts-problem"), problem);
    if (problem.status === 404) await showModels();
  }
}

function card(text, answer, chosen) {
  const made = answerCard(text, answer, chosen.description);
  if (chosen.description.explains) made.append(whyPart(chosen, text, outputsByScore(answer, chosen.description)));
  return made;
}

function inShort(answers, chosen) {
  const by = `${chosen.name}, version ${chosen.version}`;
  if (answers.length > 1) return `${answers.length} texts answered by ${by}.`;
  const labels = decided(answers[0], chosen.description);
  return `${labels.length ? labels.join(", ") : "No label applies"} – answered by ${by}.`;
}

function showCurl() {
  const chosen = model();
  if (!chosen?.description) return;
  const [text = "What a lovely day!"] = lines();
  const inputs = { text: [text] };
  if (chosen.description.segments === 2) inputs.context = [part("context").value];
  const body = JSON.stringify({ inputs }).replaceAll("'", "'\\''");
  const header = hasKey() ? ' -H "Authorization: Bearer $KEY"' : "";
  part("curl").textContent = `curl ${new URL(predictPath(chosen), document.baseURI)}${header} -d '${body}'`;
  part("curl-part").hidden = false;
}

part("texts-form").addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
texts.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  part("texts-form").requestSubmit(part("ask"));
});
texts.addEventListener("input", showCurl);
part("context").addEventListener("input", showCurl);

// A file

part("file").addEventListener("change", async () => {
  table = null;
  forgetResults();
  part("columns").hidden = true;
  part("file-said").textContent = "";
  part("file-problem").replaceChildren();
  const [file] = part("file").files;
  if (file) {
    try {
      table = parseCsv(new Uint8Array(await file.arrayBuffer()));
      showColumns();
    } catch (error) {
      show(part("file-problem"), new Problem(error.message));
    }
  }
  showWhatCanBeDone();
});

function showColumns() {
  const options = () => table.names.map((name, index) => element("option", { value: index }, name || `column ${index + 1}`));
  const called = (name) => table.names.findIndex((one) => one.trim().toLowerCase() === name);
  part("text-column").replaceChildren(...options());
  part("text-column").value = Math.max(0, called("text"));
  part("context-column").replaceChildren(element("option", { value: "" }, "none"), ...options());
  part("context-column").value = called("context") < 0 ? "" : called("context");
  part("columns").hidden = false;
  part("file-said").textContent = `${count(table.rows.length)} to score.`;
}

async function scoreFile() {
  const chosen = model();
  const { rows } = table;
  const column = (id) => rows.map((row) => (part(id).value === "" ? "" : row[part(id).value]));
  const columns = { text: column("text-column"), context: column("context-column") };
  const answers = [];
  running = new AbortController();
  forgetResults();
  part("file-problem").replaceChildren();
  part("progress").max = rows.length;
  part("progress").value = 0;
  showRunning(true);
  part("file-said").textContent = `Scoring ${count(rows.length)} …`;
  try {
    const done = (through) => { part("progress").value = through; };
    await answersTo(chosen, columns, { signal: running.signal, done, answers });
  } catch (problem) {
    if (problem.name !== "AbortError") show(part("file-problem"), problem);
    if (problem.status === 404) await showModels();
  } finally {
    running = null;
    showRunning(false);
  }
  showResults(answers, chosen);
}

function showRunning(runs) {
  part("progress-part").hidden = !runs;
  part("stop").hidden = !runs;
  for (const id of ["file", "text-column", "context-column"]) part(id).disabled = runs;
  showWhatCanBeDone();
  if (runs) part("stop").focus();
}

function showResults(answers, chosen) {
  const scored = answers.filter(Boolean);
  const { length } = table.rows;
  const blank = answers.length - scored.length;
  const whole = answers.length === length;
  part("file-said").textContent =
    `${whole ? "" : `Stopped: ${answers.length} of ${length} rows are through. `}${count(scored.length)} scored by ` +
    `${chosen.name}, version ${chosen.version}${blank ? `; ${count(blank)} blank, left out` : ""}.`;
  if (!scored.length) return;
  const content = formatCsv(withAnswers(table, answers, chosen.description), table);
  resultsUrl = URL.createObjectURL(new Blob([content], { type: "text/csv" }));
  part("download").href = resultsUrl;
  part("download").download = part("file").files[0].name.replace(/(\.[a-z]+)?$/i, (ending) => `-emotions${ending || ".csv"}`);
  part("download").hidden = false;
  part("download").focus();
  part("file-answers").replaceChildren(...summaryTables(scored, chosen.description));
}

/** The file's rows with `predicted` and a score an output behind; such columns of an earlier run are replaced. */
function withAnswers({ names, rows }, answers, description) {
  const outputs = description.heads.flatMap((head) => head.outputs);
  const added = ["predicted", ...outputs.map((output) => `score_${output}`)];
  const kept = names.map((_, index) => index).filter((index) => !added.includes(names[index]));
  const cells = (answer) => {
    if (!answer) return added.map(() => "");
    return [outputs.filter((_, index) => answer.predicted[index]).join("|"), ...answer.scores];
  };
  return [
    [...kept.map((index) => names[index]), ...added],
    ...rows.map((row, number) => [...kept.map((index) => row[index]), ...cells(answers[number])]),
  ];
}

function forgetResults() {
  if (resultsUrl) URL.revokeObjectURL(resultsUrl);
  resultsUrl = null;
  part("download").hidden = true;
  part("file-answers").replaceChildren();
}

function count(number) {
  return `${number.toLocaleString("en")} ${number === 1 ? "text" : "texts"}`;
}

part("file-form").addEventListener("submit", (event) => {
  event.preventDefault();
  scoreFile();
});
part("stop").addEventListener("click", () => running.abort());

showModels();
