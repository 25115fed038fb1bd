import assert from 'node:assert/strict';
import { describeDirectory } from './objects.js';

const counts = { handleCount: 2, pointerCount: 65_537, sddl: { unavailable: 'Wine keeps none' } };

describe('the listing of a directory', () => {
  it('shows the live state of each dispatcher object, by name', () => {
    const text = describeDirectory([
      {
        entry: { name: 'Zone', typeName: 'Event' },
        object: {
          path: '\\BaseNamedObjects\\Zone',
          typeName: 'Event',
          state: { type: 'Event', kind: 'notification', signaled: true },
          ...counts,
        },
      },
      {
        entry: { name: 'gate', typeName: 'Semaphore' },
        object: {
          path: '\\BaseNamedObjects\\gate',
          typeName: 'Semaphore',
          state: { type: 'Semaphore', count: 1, maximum: 4 },
          ...counts,
          pointerCount: { unavailable: 'not here' },
        },
      },
      { entry: { name: 'Shut', typeName: 'Mutant' }, object: { path: '\\Shut', status: 0xc0000022 } },
      { entry: { name: 'C:', typeName: 'SymbolicLink' }, object: undefined },
    ]);
    assert.deepEqual(text.split('\n'), [
      'TYPE          NAME  HANDLES  POINTERS  STATE',
      'SymbolicLink  C:',
      'Semaphore     gate        2         -  count 1 of 4',
      'Mutant        Shut                     cannot be opened: STATUS_ACCESS_DENIED',
      'Event         Zone        2     65537  signaled, notification',
    ]);
  });
});
