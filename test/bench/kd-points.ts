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

interface Cost {
  /** Requests that have an answer. */
  readonly trips: number;
  readonly stops: number;
}

/** What each call costs while calls of one point are recorded, counted over the stops that something was recorded at. */
async function costOfRecording(place: number, name: string, last: TraceKind): Promise<Cost> {
  const made = new Measured(place);
  const { engine } = made;
  try {
    await made.attach();
    const total = { trips: 0, stops: 0 };
    let cost: Cost | undefined;
    const current = { requests: 0, records: 0, isCounted: false };
    let calls = 0;
    made.onStateChange = () => {
      if (current.records > 0 && current.isCounted) {
        // All but the one that let the target go.
        total.trips += engine.client.requests - current.requests - 1;
        total.stops++;
        if (calls === WARM_UP + RECORDS) cost ??= { trips: total.trips / RECORDS, stops: total.stops / RECORDS };
      }
      Object.assign(current, { requests: engine.client.requests, records: 0, isCounted: calls >= WARM_UP });
    };
    const running = await engine.startTracepoints([{ space: KERNEL_SPACE, point: pointNamed(name)?.index ?? -1 }], {
      sink: {
        slots: (_source, _ring, first, _lost, bytes) =>
          decodeSlots(bytes, first, ({ kind }) => {
            if (kind !== TraceKind.Calibration) current.records++;
            if (kind === last) calls++;
          }),
      },
      onSources: () => undefined,
    });
    await engine.resume();
    for (const end = performance.now() + WAIT_MS; cost === undefined;) {
      if (performance.now() > end) throw new Error(`${name} was recorded ${calls} times in ${WAIT_MS} ms`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await running.stop();
    await engine.detach();
    return cost;
  } finally {
    await engine.client.close();
  }
}

export const kdPoints: Benchmark = {
  names: ['kd-round-trips-per-tracepoint', 'kd-stops-per-tracepoint', 'kd-round-trips-per-tracepoint-of-wait'],
  run: async () => {
    const target = await startTarget();
    try {
      const signal = await costOfRecording(target.place, 'KeSetEvent', TraceKind.Set);
      const wait = await costOfRecording(target.place, 'KeWaitForSingleObject', TraceKind.WaitEnd);
      return [
        figure('kd-round-trips-per-tracepoint', signal.trips, 'round trips', 'lower', 4),
        figure('kd-stops-per-tracepoint', signal.stops, 'stops', 'lower', 1),
        figure('kd-round-trips-per-tracepoint-of-wait', wait.trips, 'round trips', 'lower', 4),
      ];
    } finally {
      target.child.disconnect();
    }
  },
};
