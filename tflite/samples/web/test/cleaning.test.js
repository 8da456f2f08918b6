import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { cleanText } from '../app/cleaning.js';

const BLOCK = 0x1000;
const PLANES = [0, 1, 2, 3, 14];

function read(name) {
  return readFileSync(new URL(`../../shared/${name}`, import.meta.url), 'utf8');
}

const RULES = JSON.parse(read('cleaning.jsonl').split('\n', 1)[0]);

for (const [name, least] of [['cleaning.jsonl', 4000], ['lone_surrogates.jsonl', 80]]) {
  test(`cleans the texts of ${name} as Python does`, () => {
    const [, ...lines] = read(name).trimEnd().split('\n');
    assert.ok(lines.length >= least, `${lines.length} lines`);
    const wrong = lines.filter((line) => {
      const [rules, text, cleaned] = JSON.parse(line);
      return cleanText(text, RULES[rules]) !== cleaned;
    });
    assert.deepEqual(wrong, []);
  });
}

test('cleans every code point as Python does', () => {
  const hashes = PLANES.flatMap((plane) => Array.from({ length: 16 }, (_, block) => (plane << 16) + block * BLOCK));
  const made = RULES.map((rules) => hashes.map((first) => fnv1a(cleanText(block(first), rules))));
  assert.deepEqual(made, JSON.parse(read('code_points.json')));
});

function block(first) {
  const codePoints = Array.from({ length: BLOCK }, (_, offset) => first + offset);
  return codePoints
    .filter((code) => code < 0xd800 || code > 0xdfff)
    .map((code) => `A${String.fromCodePoint(code)}\u0327E`)
    .join(' ');
}

function fnv1a(text) {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return hash.toString(16).padStart(8, '0');
}
