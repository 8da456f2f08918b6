// What a pushed .tflite file says of itself: an uncompressed zip archive behind the model holds it.

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const END_BYTES = 22;
const LONGEST_COMMENT = 0xffff;

/**
 * Reads cleaning rules, heads and thresholds.
 *
 * @param {Uint8Array} bytes of the whole file.
 * @returns {{rules: Object, heads: Array<{name: string, task: string, outputs: string[]}>,
 *           thresholds: Object<string, number>}}
 * @throws {Error} the file holds no such papers.
 */
export function readModelFile(bytes) {
  const files = archivedFiles(bytes);
  const [rules, heads, thresholds] = ['tokenizer.json', 'heads.json', 'thresholds.json'].map((name) => {
    if (!files.has(name)) {
      throw new Error(`The file holds no ${name}. Expected a .tflite file that emotion-pipeline pushed.`);
    }
    return JSON.parse(decode(files.get(name)));
  });
  if (!rules.lowercase) {
    throw new Error('The model tells upper from lower case, but MediaPipe lowers every text. Expected an uncased model.');
  }
  return { rules, heads, thresholds };
}

/**
 * Returns a copy of the file by which MediaPipe shows every label.
 *
 * As pushed, it leaves out the labels under their threshold: the least score that is shown of each is the fourth
 * column of score_calibration.txt. Zeros of the same length take its place.
 */
export function withEveryLabel(bytes) {
  const copy = bytes.slice();
  const calibration = archivedFiles(copy).get('score_calibration.txt');
  if (calibration) {
    const shown = decode(calibration).replace(
      /^((?:[^,\n]*,){3})(.*)$/gm,
      (_, before, least) => before + least.replace(/[1-9]/g, '0'),
    );
    calibration.set(new TextEncoder().encode(shown));
  }
  return copy;
}

/** The files of the archive by name, as views of `bytes`. */
function archivedFiles(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = endOfDirectory(view);
  const files = new Map();
  for (let entry = view.getUint32(end + 16, true), left = view.getUint16(end + 10, true); left > 0; left--) {
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((at) => view.getUint16(entry + at, true));
    if (view.getUint32(entry, true) !== DIRECTORY_ENTRY || view.getUint16(entry + 10, true) !== 0) {
      throw new Error('The archive behind the model is damaged or compressed. Push or copy the file again.');
    }
    const header = view.getUint32(entry + 42, true);
    const start = header + 30 + view.getUint16(header + 26, true) + view.getUint16(header + 28, true);
    const name = decode(bytes.subarray(entry + 46, entry + 46 + nameBytes));
    files.set(name, bytes.subarray(start, start + view.getUint32(entry + 24, true)));
    entry += 46 + nameBytes + extraBytes + commentBytes;
  }
  return files;
}

function endOfDirectory(view) {
  const last = view.byteLength - END_BYTES;
  for (let at = last; at >= Math.max(0, last - LONGEST_COMMENT); at--) {
    if (view.getUint32(at, true) === END_OF_DIRECTORY) return at;
  }
  throw new Error('The file ends without metadata. Expected a .tflite file that emotion-pipeline pushed.');
}

function decode(bytes) {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}
