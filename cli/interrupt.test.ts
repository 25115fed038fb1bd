import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { ExitCode } from './exit-code.js';
import { cancelOnInterrupt } from './interrupt.js';

class MockProcess extends EventEmitter {
  readonly exits: number[] = [];
  exit(code: number): void {
    this.exits.push(code);
  }
}

describe('Ctrl-C', () => {
  it('cancels at first and leaves at once at the second', () => {
    const source = new MockProcess();
    const said: string[] = [];
    const { signal } = cancelOnInterrupt(source, (line) => said.push(line));
    source.emit('SIGINT');
    assert.equal(signal.aborted, true);
    assert.deepEqual(source.exits, []);
    assert.equal(said.length, 1);
    source.emit('SIGINT');
    assert.deepEqual(source.exits, [ExitCode.Cancelled]);
  });

  it('takes a closed terminal and a polite kill for the same', () => {
    for (const name of ['SIGTERM', 'SIGHUP']) {
      const source = new MockProcess();
      const { signal } = cancelOnInterrupt(source, () => undefined);
      source.emit(name);
      assert.equal(signal.aborted, true, name);
    }
  });

  it('hears nothing after its command has ended', () => {
    const source = new MockProcess();
    const { signal, dispose } = cancelOnInterrupt(source, () => undefined);
    dispose();
    source.emit('SIGINT');
    assert.equal(signal.aborted, false);
  });
});
