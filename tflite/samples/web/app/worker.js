// Keeps the model off the thread that draws the page.

import { EmotionClassifier } from './classifier.js';

const MODEL = '/model.tflite';

const loading = load();
loading.catch((error) => postMessage({ problem: error.message }));

onmessage = async ({ data: text }) => {
  const classifier = await loading;
  const started = performance.now();
  const heads = classifier.classify(text);
  postMessage({ text, heads, cleaned: classifier.clean(text), milliseconds: performance.now() - started });
};

async function load() {
  const response = await fetch(MODEL);
  if (!response.ok) throw new Error(`The model cannot be fetched: ${response.status} ${response.statusText}`);
  const classifier = await EmotionClassifier.create(await bytesOf(response));
  classifier.classify('warm up'); // The first text would wait for the weights to be laid out.
  postMessage({ ready: decodeURIComponent(response.headers.get('x-model-name')) });
  return classifier;
}

/** The body, with word of how much of it is there. */
async function bytesOf(response) {
  const bytes = new Uint8Array(Number(response.headers.get('content-length')));
  let loaded = 0;
  for (const reader = response.body.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) return bytes;
    bytes.set(value, loaded);
    loaded += value.length;
    postMessage({ loaded, size: bytes.length });
  }
}
