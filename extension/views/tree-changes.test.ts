import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { HELD_BACK_MS, TreeChanges } from './tree-changes.js';

describe('changes of a tree', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 }));
  afterEach(() => mock.timers.reset());

  function recorded(): { changes: TreeChanges<string>; told: unknown[] } {
    const told: unknown[] = [];
    const changes = new TreeChanges<string>(
      (nodes) => told.push(nodes ?? 'all'),
      (message) => told.push(`says ${message ?? 'nothing'}`),
    );
    return { changes, told };
  }

  it('the first is told at once, those that follow together when VS Code takes them at once', () => {
    const { changes, told } = recorded();
    changes.fire('a');
    assert.deepEqual(told, [['a']]);
    changes.fire('b');
    mock.timers.tick(HELD_BACK_MS - 1);
    changes.fire('c');
    assert.equal(told.length, 1);
    mock.timers.tick(1);
    assert.deepEqual(told, [['a'], ['b', 'c']]);
  });

  it('the whole tree stands for all of its nodes', () => {
    const { changes, told } = recorded();
    changes.fire('a');
    changes.fire('b');
    changes.fire(undefined);
    mock.timers.tick(HELD_BACK_MS);
    assert.deepEqual(told, [['a'], 'all']);
  });

  it('a message holds the next change back, so it is shown behind the change that it belongs to', () => {
    const { changes, told } = recorded();
    changes.fire('a');
    changes.fire('b');
    changes.say('2 objects');
    changes.say('3 objects');
    mock.timers.tick(HELD_BACK_MS);
    assert.deepEqual(told, [['a'], ['b'], 'says 3 objects']);
    mock.timers.tick(HELD_BACK_MS - 1);
    changes.say('4 objects');
    changes.fire('c');
    assert.deepEqual(told.slice(3), ['says 4 objects']);
    mock.timers.tick(HELD_BACK_MS);
    assert.deepEqual(told.slice(4), [['c']]);
  });

  it('nothing is told after the end, and no message twice', () => {
    const { changes, told } = recorded();
    changes.say('x');
    changes.say('x');
    changes.fire('a');
    changes.dispose();
    mock.timers.tick(HELD_BACK_MS);
    assert.deepEqual(told, ['says x']);
  });
});
