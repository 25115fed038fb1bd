import assert from 'node:assert/strict';
import { canSignal, describeAccess } from './access-rights.js';

describe('access masks in words', () => {
  it('names the rights of the type', () => {
    assert.equal(describeAccess(0x12_0003, 'Event'), 'query its state, signal and reset, wait, read its security');
    assert.equal(describeAccess(0x2, 'Semaphore'), 'release');
    assert.equal(describeAccess(0x3, 'Directory'), 'list, traverse');
  });

  it('says full control for all a type has, and for generic all', () => {
    assert.equal(describeAccess(0x1f_0003, 'Event'), 'full control');
    assert.equal(describeAccess(0x1f_0001, 'Mutant'), 'full control');
    assert.equal(describeAccess(0x1000_0000, 'Whatever'), 'full control');
    assert.notEqual(describeAccess(0x1f_0001, 'Event'), 'full control');
  });

  it('leaves no bit out', () => {
    assert.equal(describeAccess(0x40, 'Event'), '0x00000040');
    assert.equal(describeAccess(0x8000_0001, 'Nameless'), 'generic read, 0x00000001');
    assert.equal(describeAccess(0, 'Event'), 'nothing');
  });

  it('tells who can signal', () => {
    assert.equal(canSignal(0x2, 'Event'), true);
    assert.equal(canSignal(0x10_0001, 'Event'), false);
    assert.equal(canSignal(0x2, 'Section'), false);
  });
});
