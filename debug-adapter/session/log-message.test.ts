import assert from 'node:assert/strict';
import { parseHitCondition } from './hit-condition.js';
import { parseLogMessage } from './log-message.js';

describe('log messages and hit conditions of breakpoints', () => {
  it('cuts text from expressions, and doubled braces are braces', () => {
    assert.deepEqual(parseLogMessage('a {{x}} {event->Id}!'), [
      { kind: 'text', text: 'a {x} ' },
      { kind: 'expression', text: 'event->Id' },
      { kind: 'text', text: '!' },
    ]);
    assert.throws(() => parseLogMessage('a {x'), /Column 3.*"}" is missing/);
    assert.throws(() => parseLogMessage('ab {1 +}'), /Column \d+/);
  });

  it('counts hits as asked', () => {
    const hitsOf = (text: string): number[] => [1, 2, 3, 4, 5, 6].filter(parseHitCondition(text));
    assert.deepEqual(hitsOf('3'), [3]);
    assert.deepEqual(hitsOf('== 3'), [3]);
    assert.deepEqual(hitsOf('>= 5'), [5, 6]);
    assert.deepEqual(hitsOf('< 3'), [1, 2]);
    assert.deepEqual(hitsOf('% 2'), [2, 4, 6]);
    assert.throws(() => parseHitCondition('often'), /no hit condition/);
  });
});
