import assert from 'node:assert/strict';
import { explainSddl } from './sddl.js';

describe('SDDL in words', () => {
  it('explains the descriptor that lets ordinary users signal an event', () => {
    const sddl = 'O:BAG:SYD:P(A;;0x1f0003;;;SY)(A;;0x1f0003;;;BA)(A;;0x120003;;;AU)';
    assert.deepEqual(explainSddl(sddl, 'Event'), [
      'Owner: Administrators',
      'Group: SYSTEM',
      'Allows SYSTEM: full control',
      'Allows Administrators: full control',
      'Allows Authenticated Users: query its state, signal and reset, wait, read its security',
    ]);
  });

  it('warns where only administrators and SYSTEM come in', () => {
    const lines = explainSddl('O:BAD:(A;;GA;;;SY)(A;;RCSD;;;BA)', 'Event');
    assert.equal(lines.at(-1), 'Ordinary users get nothing: only the accounts above can open it');
    assert.ok(lines.includes('Allows Administrators: delete, read its security'));
  });

  it('tells no list from an empty one', () => {
    assert.deepEqual(explainSddl('O:SYG:SY', 'Event').at(-1), 'No access list: everybody may do everything with it');
    assert.deepEqual(explainSddl('D:NO_ACCESS_CONTROL', 'Event'), [
      'No access list: everybody may do everything with it',
    ]);
    assert.deepEqual(explainSddl('O:SYD:P', 'Event').at(-1), 'Empty access list: nobody but its owner may open it');
  });

  it('keeps what it does not know: accounts, rights, kinds', () => {
    const lines = explainSddl('D:(A;;QQ;;;S-1-5-21-1-2-3-1001)(OA;;GR;;;WD)(D;ID;0x2;;;BG)', 'Event');
    assert.deepEqual(lines, [
      'Allows S-1-5-21-1-2-3-1001: QQ',
      'Entry of kind OA for Everyone: generic read',
      'Denies Guests: signal and reset (inherited)',
      'Ordinary users get nothing: only the accounts above can open it',
    ]);
  });

  it('leaves out what only holds for objects made in a directory, and reads the label', () => {
    const lines = explainSddl('D:(A;CIIO;GA;;;CO)(A;;0x3;;;WD)S:(ML;;NW;;;LW)', 'Directory');
    assert.deepEqual(lines, ['Allows Everyone: list, traverse', 'Integrity label: low integrity']);
  });
});
