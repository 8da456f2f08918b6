import { Bars, element } from './bars.js';

const EXAMPLES = [
  'Thanks, you made my day!',
  'Late AGAIN, ugh',
  'I miss him so much',
  'Wait, you did WHAT?!',
];
const REMEMBERED = 'emotion-sample-text';

const byId = (id) => document.getElementById(id);
const bars = new Bars(byId('heads'), byId('more'));
const worker = new Worker('worker.js', { type: 'module' });

let isReady = false;
let asked = null; // the text that the worker has in hand

worker.onerror = (event) => showProblem(event.message ?? 'The model cannot be started in this browser.');
worker.onmessage = ({ data }) => {
  if (data.problem) showProblem(data.problem);
  else if ('loaded' in data) showLoading(data);
  else if (data.ready) start(data.ready);
  else showAnswer(data);
};

byId('text').addEventListener('input', ask);
byId('examples').append(...EXAMPLES.map(exampleButton));
byId('text').value = sessionStorage.getItem(REMEMBERED) ?? '';
byId('loading').hidden = false;

function exampleButton(text) {
  const button = element('button', 'example', text);
  button.type = 'button';
  button.addEventListener('click', () => {
    byId('text').value = text;
    ask();
  });
  return button;
}

function start(modelName) {
  isReady = true;
  byId('loading').hidden = true;
  byId('facts').dataset.model = modelName;
  byId('facts').textContent = modelName;
  ask();
}

/** Asks for the text as it stands; while one is in hand, the newest waits, and those between are never asked. */
function ask() {
  const text = byId('text').value;
  sessionStorage.setItem(REMEMBERED, text);
  const isBlank = !text.trim();
  byId('answer').hidden = byId('inside').hidden = isBlank || !isReady;
  if (!isReady || isBlank || asked !== null) return;
  asked = text;
  worker.postMessage(text);
}

function showAnswer({ text, heads, cleaned, milliseconds }) {
  asked = null;
  const isNewest = text === byId('text').value;
  if (byId('text').value.trim()) {
    bars.show(heads);
    showVerdict(heads);
    byId('cleaned').textContent = cleaned;
    byId('facts').textContent = `${byId('facts').dataset.model}, ${milliseconds.toFixed(0)} ms for this text`;
  }
  document.body.dataset.answered = isNewest ? text : '';
  if (!isNewest) ask();
}

/** What applies, as a row of words; a screen reader says it when it changes. */
function showVerdict(heads) {
  const labels = heads.flatMap(({ outputs }) => outputs.filter(({ decided }) => decided).map(({ label }) => label));
  const hasLabels = heads.some(({ task }) => task !== 'regression');
  const words = labels.length ? labels.map((label) => element('span', 'word', label)) : [element('span', 'none', 'No label reaches its threshold')];
  const place = byId('verdict');
  if (place.dataset.said === labels.join('\n')) return;
  place.dataset.said = labels.join('\n');
  place.hidden = !hasLabels;
  place.replaceChildren(...words);
}

function showLoading({ loaded, size }) {
  byId('loaded').value = loaded / size;
  byId('loaded-size').textContent = `(${(loaded / 1e6).toFixed(0)} of ${(size / 1e6).toFixed(0)} MB)`;
}

function showProblem(message) {
  byId('loading').hidden = true;
  byId('problem').hidden = false;
  byId('problem').textContent = message;
}
