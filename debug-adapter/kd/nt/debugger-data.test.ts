import assert from 'node:assert/strict';
import { decodeWord } from './debugger-data.js';

describe('the encoded debugger data block', () => {
  it('decodes the word of the known answer', () => {
    const keys = { never: 0x8642097531fedcban, always: 0x0f1e2d3c4b5a6978n, flag: 0xfffff80312345678n };
    assert.equal(decodeWord(0xb2fa0aa6b76cc149n, keys), 0x000003604742444bn);
  });
});
