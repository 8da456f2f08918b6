// The canonical text cleaning, as tflite/text.py has it: the model has learned from texts cleaned exactly so.

// Letters, marks and punctuation that the Unicode tables of browsers disagree on, those of 14 to 17 and U+1734.
const NEWER_THAN_UNICODE_13 = new RegExp(
  String.raw`[\u061d\u0890-\u089f\u08ca-\u08d2\u0c3c\u0ece\u1715\u1734\u180f\u1ac1-\u1aeb\u1b4e-\u1b4f\u1b7d-\u1b7f\u1c89` +
  String.raw`\u1dfa\u2c2f\u2e53-\u2e5d\ua7c0\ua7cb-\ua7dc\u{10570}-\u{105e4}\u{10d50}-\u{10d6e}\u{10ed0}` +
  String.raw`\u{10efa}-\u{10eff}\u{10f82}-\u{10f89}\u{11070}-\u{11074}\u{110c2}\u{11241}` +
  String.raw`\u{11383}-\u{113e2}\u{116b9}\u{1171e}\u{11b00}-\u{11be1}\u{11f00}-\u{11f5a}` +
  String.raw`\u{12ff1}-\u{12ff2}\u{13439}-\u{13455}\u{1611e}-\u{1612f}\u{16d68}-\u{16d6f}` +
  String.raw`\u{16ea0}-\u{16eb8}\u{1cf00}-\u{1cf46}\u{1e08f}\u{1e2ae}\u{1e4ec}-\u{1e6f5}]`,
  'gu',
);

// Private use, in no vocabulary: makes its word [UNK].
const UNKNOWN_CHARACTER = '\ue000';

/**
 * Cleans a text for the model.
 *
 * @param {string} text as a person wrote it; may hold lone surrogates.
 * @param {{lowercase: boolean, strip_accents: boolean, special_tokens?: Object<string, string>,
 *          characters?: Object<string, string>}} rules the model's tokenizer.json.
 * @returns {string} what the model's tokenizer takes.
 */
export function cleanText(text, rules) {
  for (const [token, word] of Object.entries(rules.special_tokens ?? {})) {
    text = text.replaceAll(token, () => ` ${word} `);
  }
  const characters = new Map(Object.entries(rules.characters ?? {}));
  if (characters.size > 0) {
    text = Array.from(text, (character) => characters.get(character) ?? character).join('');
  }
  text = text
    .replace(NEWER_THAN_UNICODE_13, UNKNOWN_CHARACTER)
    .replace(/[\t\n\r\p{Z}]/gu, ' ')
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\ufffd]/gu, '');
  if (rules.strip_accents) {
    text = text.normalize('NFD').replace(/\p{Mn}/gu, '');
  }
  if (rules.lowercase) {
    // One code point at a time: a whole text would get final sigmas.
    text = Array.from(text, (character) => character.toLowerCase()).join('');
  }
  return text;
}
