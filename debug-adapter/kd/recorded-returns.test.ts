import assert from 'node:assert/strict';
import { X64Context } from '../../machine/x64-context.js';
import type { StateChange } from './protocol/state-change.js';
import { type BegunCall, RecordedReturns, type ReturnPlaces } from './recorded-returns.js';

const CALLER = 0xffff_f800_0000_1000n;
const OTHER = 0xffff_f800_0000_2000n;
const THREAD = 0xffff_9000_0000_0000n;

const call = (caller: bigint, stackPointer: bigint, object = 1n): BegunCall => ({
  ...{ time: 0n, object, isHandle: false, caller, stackPointer },
});

describe('recorded returns', () => {
  let told: string[];
  let refused: Set<bigint>;
  let returns: RecordedReturns;

  beforeEach(() => {
    told = [];
    refused = new Set();
    const mockPlaces: ReturnPlaces = {
      add: (address) => {
        told.push(`add ${address.toString(16)}`);
        return Promise.resolve(refused.has(address) ? undefined : Number(address & 0xffffn));
      },
      expect: (id, isExpected) => told.push(`${id.toString(16)} ${isExpected}`),
      addExits: () => Promise.resolve(void told.push('exits')),
    };
    returns = new RecordedReturns(mockPlaces);
  });

  const back = (programCounter: bigint, rsp: bigint, thread = THREAD): Promise<BegunCall | undefined> => {
    const registers = new X64Context(new Uint8Array(1232));
    registers.set('rsp', rsp);
    return returns.returned({ programCounter, thread } as StateChange, () => Promise.resolve(registers));
  };

  it('are of the thread and the piece of stack that the call was made from', async () => {
    await returns.begin(THREAD, call(CALLER, 0x1000n));
    assert.equal(await back(CALLER, 0x1008n, THREAD + 1n), undefined);
    assert.equal(await back(CALLER, 0x2008n), undefined);
    assert.equal((await back(CALLER, 0x1008n))?.stackPointer, 0x1000n);
    assert.equal(await back(CALLER, 0x1008n), undefined);
  });

  it('are expected while a thread is to come, at a place that is set once', async () => {
    await returns.begin(THREAD, call(CALLER, 0x1000n));
    await returns.begin(THREAD + 1n, call(CALLER, 0x5000n));
    await back(CALLER, 0x1008n);
    assert.deepEqual(told, [`add ${CALLER.toString(16)}`, '1000 true']);
    await back(CALLER, 0x5008n, THREAD + 1n);
    await returns.begin(THREAD, call(CALLER, 0x1000n));
    assert.deepEqual(told.slice(2), ['1000 false', '1000 true']);
  });

  it('end the calls within the one that returned, and what began again from the same stack', async () => {
    await returns.begin(THREAD, call(CALLER, 0x1000n));
    await returns.begin(THREAD, call(OTHER, 0xf00n));
    assert.equal((await back(CALLER, 0x1008n))?.caller, CALLER);
    assert.deepEqual(told.slice(-2).toSorted(), ['1000 false', '2000 false']);
    await returns.begin(THREAD, call(CALLER, 0x1000n, 1n));
    await returns.begin(THREAD, call(CALLER, 0x1000n, 2n));
    assert.equal((await back(CALLER, 0x1008n))?.object, 2n);
    assert.equal(told.at(-1), '1000 false');
  });

  it('are looked for where the function ends once a caller cannot have a breakpoint', async () => {
    refused.add(CALLER);
    for (let round = 0; round < 2; round++) {
      await returns.begin(THREAD, call(CALLER, 0x1000n));
      assert.equal(returns.exited({ thread: THREAD } as StateChange)?.caller, CALLER);
    }
    assert.deepEqual(told, [`add ${CALLER.toString(16)}`, 'exits']);
    assert.equal(returns.exited({ thread: THREAD } as StateChange), undefined);
  });

  it('are forgotten of the oldest calls of a thread that never return', async () => {
    for (let depth = 0n; depth < 40n; depth++) await returns.begin(THREAD, call(CALLER, 0x9000n - 0x100n * depth));
    assert.equal(await back(CALLER, 0x9008n), undefined);
    assert.notEqual(await back(CALLER, 0x9008n - 0x100n * 39n), undefined);
  });
});
