// The model in MediaPipe's TextClassifier, with the cleaning before it and the decisions behind it.

// With a bundler: from '@mediapipe/tasks-text'.
import { FilesetResolver, TextClassifier } from '/mediapipe/text_bundle.mjs';

import { cleanText } from './cleaning.js';
import { decide } from './decisions.js';
import { readModelFile, withEveryLabel } from './model_file.js';

const MEDIAPIPE_WASM = '/mediapipe/wasm';

export class EmotionClassifier {
  /**
   * Loads a model.
   *
   * @param {Uint8Array} bytes of a .tflite file that emotion-pipeline pushed.
   * @throws {Error} it is no such file, or MediaPipe cannot load it.
   */
  static async create(bytes) {
    const model = readModelFile(bytes);
    // In a module worker MediaPipe's loader must be a module, in a page it must be none.
    const isWorker = typeof document === 'undefined';
    const wasm = await FilesetResolver.forTextTasks(MEDIAPIPE_WASM, isWorker);
    const mediapipe = await TextClassifier.createFromOptions(wasm, {
      baseOptions: { modelAssetBuffer: withEveryLabel(bytes) },
    });
    return new EmotionClassifier(model, mediapipe);
  }

  constructor(model, mediapipe) {
    this.model = model;
    this.mediapipe = mediapipe;
    this.outputs = model.heads.reduce((sum, head) => sum + head.outputs.length, 0);
  }

  /** What the model reads of a text. */
  clean(text) {
    return cleanText(text, this.model.rules);
  }

  /** Score of each output, in the order of the heads. */
  scores(text) {
    const [{ categories }] = this.mediapipe.classify(this.clean(text)).classifications;
    const scores = new Float32Array(this.outputs); // MediaPipe leaves out scores below a millionth.
    for (const { index, score } of categories) scores[index] = score;
    return scores;
  }

  /** Decisions and scores of a text (`decide`). */
  classify(text) {
    return decide(this.model, this.scores(text));
  }
}
