/** A recording whose every figure is known: one event, a hundred wakes whose latencies are 1, 2, ... 100 steps, and what else a table tells. */
import { Flag, Kind } from '../../trace/model/records.js';
import { RecordingBuilder, type Recording } from '../../trace/recording.js';
import { RingWriter, type RecordFields } from '../../trace/ring-writer.js';

const TICKS_PER_NS = 3n;
const HANDLE = 4n;
const POINTER = 0xffff_8000_1234_5680n;
const TIMED_OUT = 0x102;
export const START_UTC_MS = Date.UTC(2026, 0, 1);
/** 1970, in units of 100 ns since 1601. */
const FILETIME_OF_1970 = 116_444_736_000_000_000n;
const DRIVER = { process: 4, thread: 5 };
const WAITER = { process: 8, thread: 9 };
const SIGNALER = { process: 8, thread: 13 };

/** ns behind the beginning of the recording: the timeline's zero. */
export const FIRST_RECORD = 10_000;
/** ns that every signaling call takes. */
const SIGNALING = 500;
/** How many of five wakes the driver's thread makes; the application's other thread makes the rest. */
const OF_DRIVER = 3;

/**
 * Wake i (from 1) takes i steps from the call of the signal to the return of the wait. Behind the wakes: three signals that
 * one wait finds (two coalesced), a signal that is wiped, three waits that time out.
 * @param step ns
 */
export function knownRecording({
  step = 1_000,
  wakes = 100,
  title = 'known',
  startUtcMs = START_UTC_MS,
} = {}): Recording {
  const sides = { kernel: new RingWriter(), user: new RingWriter() };
  let now = 0;
  const write = (
    fields: Omit<RecordFields, 'tsc'>,
    side: keyof typeof sides = fields.process === DRIVER.process ? 'kernel' : 'user',
  ): void => {
    sides[side].write({ ...fields, tsc: BigInt(now) * TICKS_PER_NS });
  };
  const calibrate = (): void => {
    for (const { process } of [DRIVER, WAITER]) {
      const since = BigInt(now / 100);
      const object = FILETIME_OF_1970 + BigInt(startUtcMs) * 10_000n + since;
      write({ kind: Kind.Calibration, process, thread: 1, caller: 10_000_000n, argument: since, object });
    }
  };
  const ticks = (ns: number): number => ns * Number(TICKS_PER_NS);
  const set = (by: typeof DRIVER, previous: number): void => {
    const object = by === DRIVER ? POINTER : HANDLE;
    write({ ...by, kind: Kind.Set, object, previous, duration: ticks(SIGNALING) });
  };
  const wait = (ns: number, status: number, between: () => void): void => {
    const from = now;
    write({ ...WAITER, kind: Kind.WaitBegin, object: HANDLE });
    between();
    now = from + ns;
    write({ ...WAITER, kind: Kind.WaitEnd, object: HANDLE, status, duration: ticks(ns) });
    now += 100_000;
  };

  calibrate();
  now = FIRST_RECORD;
  write({ ...WAITER, kind: Kind.Create, object: HANDLE, flags: Flag.Synchronization });
  now += 10_000;
  write({ ...DRIVER, kind: Kind.Reference, object: POINTER, argument: HANDLE, process: WAITER.process }, 'kernel');
  now += 10_000;
  for (let wake = 1; wake <= wakes; wake += 1) {
    wait(50_000 + wake * step, 0, () => {
      now += 50_000;
      set((wake - 1) % 5 < OF_DRIVER ? DRIVER : SIGNALER, 0);
    });
  }
  for (const previous of [0, 1, 1]) {
    set(DRIVER, previous);
    now += 10_000;
  }
  wait(2_000, 0, () => undefined);
  set(DRIVER, 0);
  now += 10_000;
  write({ ...WAITER, kind: Kind.Reset, object: HANDLE, previous: 1 });
  now += 10_000;
  for (let timeout = 0; timeout < 3; timeout += 1) wait(20_000, TIMED_OUT, () => undefined);
  now = Math.ceil(now / 1e6) * 1e6;
  calibrate();

  const builder = new RecordingBuilder({ target: 'test', host: 'test', versions: {}, startUtcMs, title });
  for (const [side, description, process] of [
    ['kernel', 'eventsys.sys', DRIVER.process],
    ['user', 'eventapp.exe', WAITER.process],
  ] as const) {
    const ring = sides[side];
    const source = { side, description, process, session: 1, ringCount: 1, slotsPerRing: 4_096 };
    builder.slots(builder.addSource(source), 0, 0n, 0n, ring.bytes);
  }
  return builder.finish();
}
