/**
 * Points over the KD link against our own test target: what a recorded call and a filtered write of an object's state cost on the wire.
 * Counts, not times.
 */
import { KERNEL_SPACE } from '../../debug-adapter/kd/kernel-inventory.js';
import { pointNamed } from '../../machine/points.js';
import { decodeSlots, TraceKind } from '../../protocol/trace-layout.js';
import type { Benchmark } from './benchmark.js';
import { figure, Measured, startTarget } from './kd.js';

const RECORDS = 200;
const WARM_UP = 20;
const WAIT_MS = 60_000;

interface Counted {
  readonly requests: number;
  readonly stops: number;
}

/** Round trips (requests that have an answer) and stops of each record of a kind, while calls of one point are recorded. */
async function costOfRecording(place: number, name: string, kind: TraceKind): Promise<readonly [number, number]> {
  const made = new Measured(place);
  const { engine } = made;
  try {
    await made.attach();
    let records = 0;
    /** Where the counters stood when so many were recorded: always at the same place of a hit. */
    const at = (): Counted => ({ requests: engine.client.requests, stops: made.stateChanges });
    const counted: Counted[] = [];
    const running = await engine.startTracepoints([{ space: KERNEL_SPACE, point: pointNamed(name)?.index ?? -1 }], {
      sink: {
        slots: (_source, _ring, first, _lost, bytes) =>
          decodeSlots(bytes, first, (record) => {
            if (record.kind !== kind) return;
            records++;
            if (records === WARM_UP || records === WARM_UP + RECORDS) counted.push(at());
          }),
      },
      onSources: () => undefined,
    });
    await engine.resume();
    for (const end = performance.now() + WAIT_MS; counted.length < 2;) {
      if (performance.now() > end) throw new Error(`${name} was recorded ${records} times in ${WAIT_MS} ms`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const [from, to] = counted;
    if (from === undefined || to === undefined) throw new Error('nothing was counted');
    const stops = to.stops - from.stops;
    const trips = to.requests - from.requests - stops;
    await running.stop();
    await engine.detach();
    return [trips / RECORDS, stops / RECORDS];
  } finally {
    await engine.client.close();
  }
}

export const kdPoints: Benchmark = {
  names: ['kd-round-trips-per-tracepoint', 'kd-stops-per-tracepoint', 'kd-round-trips-per-tracepoint-of-wait'],
  run: async () => {
    const target = await startTarget();
    try {
      const [trips, stops] = await costOfRecording(target.place, 'KeSetEvent', TraceKind.Set);
      // Waits of the application's system calls come along: two stops as well, but no record of the driver's.
      const [tripsOfWaits, stopsOfWaits] = await costOfRecording(
        target.place,
        'KeWaitForSingleObject',
        TraceKind.WaitEnd,
      );
      const wait = (2 * tripsOfWaits) / stopsOfWaits;
      return [
        figure('kd-round-trips-per-tracepoint', trips, 'round trips', 'lower', 4),
        figure('kd-stops-per-tracepoint', stops, 'stops', 'lower', 1),
        figure('kd-round-trips-per-tracepoint-of-wait', wait, 'round trips', 'lower', 4),
      ];
    } finally {
      target.child.disconnect();
    }
  },
};
