import assert from 'node:assert/strict';
import { MAX_PIECE_BYTES, parseHostMessage, parseViewMessage, parseViewState } from './webview.js';

describe('messages of the timeline', () => {
  it('of the host pass when they are what they should be', () => {
    const piece = { type: 'piece', id: 1, at: 0, bytes: new Uint8Array(8) };
    assert.deepEqual(parseHostMessage(piece), { ok: true, message: piece });
    const append = { type: 'append', id: 1, source: 0, ring: 2, firstSlot: '9', lost: '0', bytes: new Uint8Array(64) };
    assert.deepEqual(parseHostMessage(append), { ok: true, message: { ...append, firstSlot: 9n, lost: 0n } });
  });

  it('are refused with the place that is wrong', () => {
    const wrong: readonly (readonly [unknown, RegExp])[] = [
      [undefined, /./],
      ['open', /./],
      [{ type: 'nonsense' }, /type/],
      [{ type: 'open', id: -1, title: '', bytes: 1 }, /^id/],
      [{ type: 'open', id: 1, title: '', bytes: 1e12 }, /^bytes/],
      [{ type: 'piece', id: 1, at: 0, bytes: [1, 2] }, /^bytes/],
      [{ type: 'piece', id: 1, at: 0, bytes: new Uint8Array(MAX_PIECE_BYTES + 1) }, /^bytes/],
      [
        { type: 'append', id: 1, source: 0, ring: 0, firstSlot: '-1', lost: '0', bytes: new Uint8Array() },
        /^firstSlot/,
      ],
      [{ type: 'reveal', time: NaN }, /^time/],
    ];
    for (const [message, why] of wrong) {
      const result = parseHostMessage(message);
      assert.ok(!result.ok, `${String(why)} passed`);
      assert.match(result.why, why);
    }
    assert.ok(!parseViewMessage({ type: 'openSource', caller: 7, beside: true }).ok);
    assert.ok(parseViewMessage({ type: 'openSource', caller: 'eventsys.sys+0x10', beside: false }).ok);
  });

  it('a damaged state is none', () => {
    assert.equal(parseViewState({ from: 'yesterday' }), undefined);
    assert.equal(parseViewState(null), undefined);
  });
});
