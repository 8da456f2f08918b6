// Serves the page and a model to this machine: npm start -- MODEL.tflite [--port 8080]

import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename, dirname, extname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HERE = dirname(fileURLToPath(import.meta.url));
const MEDIAPIPE = join(HERE, 'node_modules', '@mediapipe', 'tasks-text');
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};
const HEADERS = {
  // MediaPipe sends figures of its use to Google, without an option not to: connect-src stops it.
  'content-security-policy':
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; " +
    "style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cache-control': 'no-cache',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

/** The .tflite file that a path means: itself, or that for apps in a pushed directory. */
function modelFile(path) {
  if (!path) fail('Say which model: npm start -- MODEL.tflite');
  if (!existsSync(path)) fail(`${path} does not exist. Expected a .tflite file or the directory that holds it.`);
  if (!statSync(path).isDirectory()) return path;
  const found = ['emotion_int8.tflite', 'emotion_float32.tflite'].map((name) => join(path, name)).find(existsSync);
  return found ?? fail(`${path} holds no emotion_int8.tflite. Expected models/NAME/tflite/VERSION of a run.`);
}

function fail(message) {
  console.error(message);
  process.exit(2);
}

function fileOf(url, model) {
  const path = posix.normalize(decodeURIComponent(url.pathname));
  if (path.includes('\\')) return null; // Windows takes it for a slash
  if (path === '/model.tflite') return model;
  if (path === '/') return join(HERE, 'app', 'index.html');
  const [root, below] = path.startsWith('/mediapipe/')
    ? [MEDIAPIPE, path.slice('/mediapipe/'.length)]
    : [join(HERE, 'app'), path.slice(1)];
  return join(root, below);
}

function answer(request, response, model) {
  let file;
  try {
    file = fileOf(new URL(request.url, 'http://localhost'), model);
  } catch {
    file = null; // no address, or one that cannot be decoded
  }
  const isThere = file !== null && existsSync(file) && statSync(file).isFile();
  if (!isThere || (file !== model && !TYPES[extname(file)])) {
    response.writeHead(404, HEADERS).end();
    return;
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { ...HEADERS, allow: 'GET, HEAD' }).end();
    return;
  }
  const headers = {
    ...HEADERS,
    'content-type': file === model ? 'application/octet-stream' : TYPES[extname(file)],
    'content-length': statSync(file).size,
    ...(file === model && { 'x-model-name': encodeURIComponent(basename(model)) }),
  };
  response.writeHead(200, headers);
  if (request.method === 'HEAD') response.end();
  else createReadStream(file).on('error', () => response.destroy()).pipe(response);
}

function given() {
  try {
    return parseArgs({ options: { port: { type: 'string', default: '8080' } }, allowPositionals: true });
  } catch {
    return fail('Usage: npm start -- MODEL.tflite [--port 8080]');
  }
}

const { values, positionals } = given();
const model = modelFile(positionals[0]);
if (!existsSync(MEDIAPIPE)) fail('MediaPipe is not installed. Run: npm install');

const server = createServer((request, response) => answer(request, response, model));
server.on('error', (error) => fail(`Port ${values.port}: ${error.message}. Choose another with --port.`));
server.listen(Number(values.port), '127.0.0.1', () => {
  console.log(`${basename(model)} at http://127.0.0.1:${server.address().port}/`);
});
