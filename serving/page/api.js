// The server's REST API. Paths are relative: the page also works behind a proxy that puts it under a prefix.

/** What went wrong, in words for a person; `status` is that of HTTP, 0 if there was no answer. */
export class Problem extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

const WORDS = {
  0: "The server cannot be reached. Is it running, and are you online?",
  401: "The server asks for a key.",
  403: "This key may not do that.",
  404: "The server no longer has this version of the model. The newest is chosen now; ask again.",
  413: "That is more than the server takes at a time.",
  429: "The server has too much to do, or you have reached your limit. Wait a moment, then ask again.",
  503: "The server cannot answer now. It may be starting or stopping; ask again in a moment.",
  504: "The server took too long. Ask again, with fewer texts at a time.",
};

const TRIES = 5;
const LONGEST_WAIT_S = 30;
let key = "";

export function useKey(text) {
  key = text;
}

export function hasKey() {
  return key !== "";
}

/** The versions that are served: [{name, version, description}]. */
export async function readModels() {
  return (await call("models")).models;
}

/** Asks a version about columns of texts; answers the signature's outputs ({scores, labels, predicted}), a row a text. */
export async function predict(model, inputs, signal, signature) {
  const body = JSON.stringify({ inputs, signature_name: signature });
  for (let attempt = 1; ; attempt++) {
    try {
      return (await call(`${predictPath(model)}`, { method: "POST", body, signal })).outputs;
    } catch (problem) {
      const passes = problem.status === 429 || problem.status === 503;
      if (!passes || attempt === TRIES || problem.retryAfter > LONGEST_WAIT_S) throw problem;
      await wait(problem.retryAfter ?? 2 ** (attempt - 2), signal);
    }
  }
}

export function predictPath(model) {
  return `v1/models/${encodeURIComponent(model.name)}/versions/${model.version}:predict`;
}

async function call(path, options = {}) {
  const headers = key ? { authorization: `Bearer ${key}` } : {};
  let response;
  let content;
  try {
    response = await fetch(path, { ...options, headers, credentials: "same-origin" });
    content = await response.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(WORDS[0]);
  }
  const answer = parse(content);
  if (response.ok && answer) return answer;
  const problem = new Problem(inWords(response.status, answer?.error), response.status);
  const seconds = parseFloat(response.headers.get("retry-after"));
  if (seconds >= 0) problem.retryAfter = seconds;
  throw problem;
}

function parse(content) {
  try {
    return JSON.parse(content);
  } catch {
    return null;
  }
}

function inWords(status, said) {
  const words = WORDS[status] ?? (status < 500 ? "The server does not take this request." : "The server failed.");
  return said ? `${words} It said: ${said}` : words;
}

function wait(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}
