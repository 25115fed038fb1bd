import assert from 'node:assert/strict';
import type { ObjectInfo, ObjectState } from '../protocol/agent-rpc.js';
import { changeKey, describeDetails, describeEntry } from './object-text.js';

const object = (state: ObjectState | undefined, more: Partial<ObjectInfo> = {}): ObjectInfo => ({
  path: '\\BaseNamedObjects\\X',
  typeName: state?.type ?? 'Directory',
  ...(state === undefined ? {} : { state }),
  handleCount: 2,
  pointerCount: 3,
  sddl: { unavailable: 'This target keeps no security descriptor of such objects' },
  ...more,
});

describe('objects in words', () => {
  it('tells state and handles behind a name', () => {
    assert.equal(
      describeEntry(object({ type: 'Event', kind: 'synchronization', signaled: true }, { handleCount: 1 })),
      'signaled, synchronization · 1 handle',
    );
    assert.equal(describeEntry(object({ type: 'Semaphore', count: 1, maximum: 4 })), 'count 1 of 4 · 2 handles');
    assert.equal(describeEntry(object(undefined)), '');
    assert.equal(describeEntry(undefined), '');
  });

  it('tells who waits before all else, which a narrow list would cut', () => {
    const waited = object({ type: 'Event', kind: 'notification', signaled: false });
    assert.equal(
      describeEntry({ ...waited, waiters: ['thread 12 of process 1204, UserRequest'] }),
      '1 waiter · not signaled, notification · 2 handles',
    );
  });

  it('names the owner of a mutant where the target tells it, and why not where it does not', () => {
    const held = (owner: Extract<ObjectState, { type: 'Mutant' }>['owner']) =>
      object({ type: 'Mutant', count: 0, abandoned: false, owner });
    assert.equal(describeEntry(held({ process: 7, thread: 9 })), 'held · owner: process 7, thread 9 · 2 handles');
    const unknown = held({ unavailable: 'This target does not tell the owner of a mutant' });
    assert.equal(describeEntry(unknown), 'held · 2 handles');
    assert.ok(
      describeDetails(unknown).includes(
        'Owner: not available on this target: This target does not tell the owner of a mutant',
      ),
    );
  });

  it('shows an entry that cannot be opened as such', () => {
    const refused = { path: '\\X', status: 0xc0000022 };
    assert.equal(describeEntry(refused), 'cannot be opened: STATUS_ACCESS_DENIED');
    assert.deepEqual(describeDetails(refused), ['cannot be opened: STATUS_ACCESS_DENIED']);
  });

  it('takes a signal for a change, and the running of a timer for none', () => {
    const event = (signaled: boolean) => object({ type: 'Event', kind: 'notification', signaled });
    assert.notEqual(changeKey(event(true)), changeKey(event(false)));
    assert.equal(changeKey(event(true)), changeKey(event(true)));
    const timer = (remaining: bigint) => object({ type: 'Timer', signaled: false, remaining });
    assert.equal(changeKey(timer(10n)), changeKey(timer(5n)));
    assert.notEqual(changeKey(event(true)), changeKey({ path: '\\X', status: 5 }));
  });
});
