/** Where recorded waits return to: what is recorded of them, what that costs on the wire, and whose debug registers it uses. */
import assert from 'node:assert/strict';
import { KERNEL_SPACE } from '../../debug-adapter/kd/kernel-inventory.js';
import type { RunningTracepoints } from '../../debug-adapter/engine.js';
import { TraceKind, type TraceRecord } from '../../protocol/trace-layout.js';
import { type EngineUnderTest, indexOf, KdBench, recordsIn, until } from './kd-fixture.js';

const CONTINUE2 = 0x313c;
const NO_DEBUG_REGISTERS = 0x400n;

describe('recorded waits over a kernel debugging link', () => {
  let bench: KdBench;
  let records: TraceRecord[];
  /** What the target was asked, in order, with a mark where something was recorded. */
  let asked: (number | 'recorded')[];

  const start = async (options: Parameters<typeof KdBench.make>[0] = {}): Promise<EngineUnderTest> => {
    bench = await KdBench.make({ booted: true, retransmitMs: 100, ...options });
    records = [];
    asked = [];
    const { requests } = bench.target;
    const count = requests.set.bind(requests);
    requests.set = (api, times) => {
      asked.push(api);
      return count(api, times);
    };
    return bench.attached();
  };
  afterEach(() => bench.close());

  const record = ({ engine }: EngineUnderTest): Promise<RunningTracepoints> =>
    engine.startTracepoints([{ space: KERNEL_SPACE, point: indexOf('KeWaitForSingleObject') }], {
      sink: {
        slots: (_source, _ring, first, _lost, bytes) => {
          for (const each of recordsIn(bytes, first)) {
            if (each.kind === TraceKind.Calibration) continue;
            records.push(each);
            asked.push('recorded');
          }
        },
      },
      onSources: () => undefined,
    });

  const ends = (): TraceRecord[] => records.filter(({ kind }) => kind === TraceKind.WaitEnd);

  /** Each thread's waits begin and end by turns, at one place, and as many have ended as the driver has counted: none was missed. */
  function assertComplete(threads: readonly string[], counted: bigint): void {
    const { kernel } = bench.target;
    for (const name of threads) {
      const { threadId } = kernel.threads.find((thread) => thread.name === name) ?? {};
      const own = records.filter(({ thread }) => thread === threadId);
      assert.ok(own.length > 10, `${own.length} records of ${name}`);
      own.forEach(({ kind, caller, object, status }, index) => {
        assert.equal(kind, index % 2 === 0 ? TraceKind.WaitBegin : TraceKind.WaitEnd);
        assert.deepEqual([caller, object, status], [own[0]?.caller, kernel.namespace.workEvent, 0]);
      });
    }
    // One that waited already when the recording began ends without a record; one that has returned just now is not counted yet.
    const missed = Number(counted) - ends().length;
    assert.ok(Math.abs(missed) <= threads.length, `${missed} of ${counted} ends are not there`);
  }

  const registersUsed = (): boolean =>
    bench.target.kernel.slots.some(({ processor }) => processor.dr7 !== NO_DEBUG_REGISTERS);

  const costsFour = async (options: Parameters<typeof start>[0]): Promise<void> => {
    const made = await start(options);
    const running = await record(made);
    const rounds = bench.counter(1);
    await made.engine.resume();
    await until('fifty waits', () => ends().length >= 50);
    await made.engine.pause();
    await running.stop();
    assertComplete(['EsWorker'], bench.counter(1) - rounds);
    const stops = asked.join(' ').split(` ${CONTINUE2}`);
    const tripsOf = (stop: string): number => stop.match(/\d+/g)?.length ?? 0;
    const trips = stops.filter((each) => each.includes('recorded')).map(tripsOf);
    // Who calls and about what is asked for at the first, and the debug register is set; at the last the pause came.
    const later = trips.slice(2, -2);
    assert.ok(later.length > 90);
    // Registers, return address, and registers back where it begins; registers where it ends.
    for (let index = 0; index + 1 < later.length; index += 2) assert.deepEqual(later.slice(index, index + 2), [3, 1]);
    // Calls of the kernel itself, for the application’s system calls, stop where they begin only.
    const others = stops.filter((each) => !each.includes('recorded')).map(tripsOf);
    assert.deepEqual(new Set(others.slice(2, -2)), new Set([3]));
    await made.engine.detach();
    assert.equal(registersUsed(), false);
    await bench.runs();
  };

  it('cost four round trips with their return, and stop nobody else where they return', () => costsFour({}));

  it('cost as many where the function begins with a write', () => costsFour({ savesRegisters: true }));

  it('of two threads that wait at one place are told apart, and none is missed', async () => {
    const made = await start();
    bench.target.kernel.startSecondWorker();
    const running = await record(made);
    const rounds = bench.counter(1);
    await made.engine.resume();
    await until('sixty waits', () => ends().length >= 60);
    await made.engine.pause();
    await running.stop();
    assertComplete(['EsWorker', 'second EsWorker'], bench.counter(1) - rounds);
  });

  it('give their debug register to a data breakpoint, and go on', async () => {
    const made = await start();
    const { kernel } = bench.target;
    const code = (): Uint8Array => kernel.memory.space.read(kernel.driver.base, kernel.driver.bytes.length);
    const before = code();
    const running = await record(made);
    const rounds = bench.counter(1);
    await made.engine.resume();
    await until('the first waits', () => ends().length > 5);
    const unused = kernel.namespace.doneEvent + 8n;
    const data = await made.engine.setBreakpoints(
      Array.from({ length: 4 }, () => ({ space: KERNEL_SPACE, kind: 'write', address: unused, length: 4 }) as const),
    );
    assert.ok(data.every((id) => typeof id === 'number'));
    const count = ends().length;
    await until('more waits', () => ends().length > count + 20);
    await made.engine.pause();
    await running.stop();
    assertComplete(['EsWorker'], bench.counter(1) - rounds);
    assert.deepEqual(code(), before);
    await made.engine.detach();
    assert.equal(registersUsed(), false);
    await bench.runs();
  });

  it('are complete on a target whose Continue tells only the processor that reported of its debug registers', async () => {
    const made = await start({ continuesDr7Alone: true });
    const running = await record(made);
    const rounds = bench.counter(1);
    await made.engine.resume();
    await until('forty waits', () => ends().length >= 40);
    await made.engine.pause();
    await running.stop();
    assertComplete(['EsWorker'], bench.counter(1) - rounds);
    await made.engine.detach();
    assert.equal(registersUsed(), false);
    await bench.runs();
  });
});
