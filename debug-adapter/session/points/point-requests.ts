/** Custom requests of signal and wait points: protocol/debug-requests.ts. */
import * as debug from '../../../protocol/debug-requests.js';
import { DebugRequest, type FlowBody } from '../../../protocol/debug-requests.js';
import { checked } from '../arguments.js';
import type { DapServer } from '../dap-server.js';
import { runningError } from '../protocol-error.js';
import type { SessionState } from '../session-state.js';
import { objectOf } from './flow.js';
import type { SessionObject } from './dispatcher-objects.js';
import { scanWaiters } from './waiters.js';

export function registerPointRequests(server: DapServer, state: SessionState): void {
  const { points } = state;
  const focus = (given: { readonly object?: number | undefined }): SessionObject | undefined =>
    objectOf(points.objects, points.stops.current, given.object) ?? points.flow.landedOn;
  const requireStopped = (): void => {
    if (state.execution === undefined) throw runningError();
    state.execution.requireStopped();
  };
  const goOn = async <T extends FlowBody>(body: T): Promise<T> => {
    if (body.outcome === 'following') await state.execution?.continue();
    return body;
  };
  server.on(DebugRequest.setPoints, async (given) => ({
    points: await points.setPoints(checked(debug.setPointsArguments, given).points),
  }));
  server.on(DebugRequest.followSignal, async (given, { signal }) => {
    checked(debug.threadOfFocus, given);
    requireStopped();
    return goOn(await points.flow.followSignal(points.stops.current, signal));
  });
  for (const [name, aspect] of [
    [DebugRequest.runToNextSignal, 'signal'],
    [DebugRequest.runToNextWait, 'wait'],
  ] as const) {
    server.on(name, async (given) => {
      const object = focus(checked(debug.objectOfFocus, given));
      requireStopped();
      return goOn(await points.flow.runToNext(aspect, object));
    });
  }
  server.on(DebugRequest.whoSignals, async (given) => {
    const request = checked(debug.whoSignalsArguments, given);
    const object = focus(request);
    const signalers = object === undefined ? [] : points.flow.signalersOf(object);
    if (!request.run && object !== undefined) {
      const message =
        signalers.length === 0 ? 'No signal of it has been seen in this session' : `${signalers.length} seen`;
      return { outcome: 'listed', message, signalers };
    }
    requireStopped();
    return goOn({ ...(await points.flow.runToNext('signal', object)), signalers });
  });
  server.on(DebugRequest.dispatcherObjects, async (_given, { signal }) => {
    if (state.execution?.stop !== undefined)
      await scanWaiters(state.inventory, state.inspector, points.objects, signal);
    for (const engine of state.engines) await points.objects.refresh(engine);
    return { objects: points.objects.all().map((object) => points.objects.toDap(object)) };
  });
}
