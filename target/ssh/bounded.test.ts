import assert from 'node:assert/strict';
import { CancelledError } from '../../protocol/errors.js';
import { bounded, type Bounds } from './bounded.js';

/** A link whose loss the test decides, and that counts who still listens. */
class ScriptedLink {
  readonly listeners = new Set<(reason: Error) => void>();
  onLost = (listener: (reason: Error) => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
  lose(): void {
    for (const listener of [...this.listeners]) listener(new Error('link lost'));
  }
}

function boundsOf(link: ScriptedLink, signal: AbortSignal, abandoned: string[], timeoutMs = 60_000): Bounds {
  return {
    signal,
    timeoutMs,
    onTimeout: () => new Error('too late'),
    onLost: link.onLost,
    abandon: () => abandoned.push('abandoned'),
  };
}

describe('bounded', () => {
  it('gives the result, and leaves no listener behind', async () => {
    const link = new ScriptedLink();
    const abandoned: string[] = [];
    const result = await bounded<number>(
      (resolve) => resolve(7),
      boundsOf(link, new AbortController().signal, abandoned),
    );
    assert.equal(result, 7);
    assert.equal(link.listeners.size, 0);
    assert.deepEqual(abandoned, []);
  });

  it('ends with the cancel, the time limit or the loss of the link, and abandons the work once', async () => {
    const never = (): void => undefined;
    const cancel = new AbortController();
    const link = new ScriptedLink();
    const abandoned: string[] = [];
    const cancelled = bounded(never, boundsOf(link, cancel.signal, abandoned));
    cancel.abort();
    link.lose();
    await assert.rejects(cancelled, CancelledError);
    await assert.rejects(bounded(never, boundsOf(link, new AbortController().signal, abandoned, 1)), /too late/);
    const cut = bounded(never, boundsOf(link, new AbortController().signal, abandoned));
    link.lose();
    await assert.rejects(cut, /link lost/);
    assert.equal(abandoned.length, 3);
    assert.equal(link.listeners.size, 0);
  });

  it('does not begin when it is cancelled or the link is lost already', async () => {
    let begun = 0;
    const begin = (): void => {
      begun++;
    };
    const link = new ScriptedLink();
    await assert.rejects(bounded(begin, boundsOf(link, AbortSignal.abort(), [])), CancelledError);
    const lostAlready: Bounds = {
      timeoutMs: 60_000,
      onTimeout: () => new Error('too late'),
      onLost: (listener) => {
        listener(new Error('link lost'));
        return () => undefined;
      },
    };
    await assert.rejects(bounded(begin, lostAlready), /link lost/);
    assert.equal(begun, 0);
  });

  it('hands on what begin throws', async () => {
    const link = new ScriptedLink();
    const failing = bounded(
      () => {
        throw new Error('not sent');
      },
      boundsOf(link, new AbortController().signal, []),
    );
    await assert.rejects(failing, /not sent/);
    assert.equal(link.listeners.size, 0);
  });
});
