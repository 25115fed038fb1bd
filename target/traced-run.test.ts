import assert from 'node:assert/strict';
import fc from 'fast-check';
import { LineSplitter } from './traced-run.js';

function linesOf(chunks: readonly Uint8Array[], maxLength?: number): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line), maxLength);
  for (const chunk of chunks) splitter.push(chunk);
  splitter.end();
  return lines;
}

describe('output cut into lines', () => {
  it('is the same however the bytes were cut', () => {
    const text = 'plain\r\n"ümlaut → arrow"\n\nlast without end';
    const bytes = new TextEncoder().encode(text);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 6 }), (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
        assert.deepEqual(linesOf(chunks), ['plain', '"ümlaut → arrow"', '', 'last without end']);
      }),
    );
  });

  it('keeps no line of unlimited length', () => {
    const chunks = Array.from({ length: 10 }, () => new TextEncoder().encode('x'.repeat(100)));
    const lines = linesOf(chunks, 256);
    assert.equal(lines.join('').length, 1_000);
    assert.ok(lines.every((line) => line.length <= 256));
  });
});
