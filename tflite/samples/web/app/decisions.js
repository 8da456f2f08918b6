// From scores to decisions, as tflite/heads.py has it.

/**
 * What the scores of a text say, head by head; labels stand with the highest score first.
 *
 * @param {{heads: Array, thresholds: Object<string, number>}} model of `readModelFile`.
 * @param {ArrayLike<number>} scores one an output.
 * @returns {Array<{name: string, task: string,
 *                  outputs: Array<{label: string, score: number, threshold: ?number, decided: boolean}>}>}
 */
export function decide({ heads, thresholds }, scores) {
  let start = 0;
  return heads.map(({ name, task, outputs: labels }) => {
    const own = Array.from(labels, (_, index) => Math.fround(scores[start + index]));
    start += labels.length;
    const likeliest = own.indexOf(Math.max(...own));
    const outputs = labels.map((label, index) => {
      const threshold = task === 'multi_label' ? thresholds[label] : null;
      const decided = threshold === null
        ? task !== 'regression' && index === likeliest
        : own[index] >= Math.fround(threshold);
      return { label, score: own[index], threshold, decided };
    });
    if (task !== 'regression') outputs.sort((a, b) => b.score - a.score);
    return { name, task, outputs };
  });
}
