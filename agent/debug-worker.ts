/**
 * The debug thread: one worker that serves all debugged processes. It waits for {debug object, wake event} and never polls; what the
 * client asks for comes by message, with the wake event set behind it.
 */
import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import type { DebugEvent } from '../protocol/agent-debug.js';
import type { RequestName, RequestParams } from '../protocol/agent-rpc.js';
import type { CallFailure } from './call-worker.js';
import { debugOperations } from './debug-operations.js';
import { DebugLoop } from './debug-loop.js';
import { DebugObject } from './debug-events.js';
import { INFINITE, ResetEvent, WaitForMultipleObjects } from './native/common-native.js';
import type { Handle } from './native/memory.js';
import { NativeError } from './native/native-error.js';
import { RepairTable } from './repair-table.js';

export type DebugRequestName = Extract<RequestName, `debug/${string}`>;

export interface DebugWorkerRole {
  readonly role: 'debug';
  readonly port: MessagePort;
  /** Win32 event, manual reset: a message waits. */
  readonly wake: Handle;
  /** Of the repair table. */
  readonly table: Handle;
}

export type DebugCall = {
  [N in DebugRequestName]: { readonly id: number; readonly name: N; readonly params: RequestParams<N> };
}[DebugRequestName] & {
  /** Of debug/launch: names of the pipes for standard output and error. */
  readonly pipes?: readonly [string, string];
};

export type DebugMessage =
  | { readonly type: 'ready'; readonly object: Handle }
  | { readonly type: 'done'; readonly id: number; readonly result: unknown }
  | { readonly type: 'failed'; readonly id: number; readonly failure: CallFailure }
  | { readonly type: 'events'; readonly events: DebugEvent[] };

/** How often counters of hits are told while nothing else is. */
const HITS_MS = 250;
/** Indices among what is waited for, behind that of a message: an event, the end of the process that is stopped. */
const EVENT_WAITS = 1;
const STOPPED_ENDED = 2;

export function runDebugWorker({ port, wake, table }: DebugWorkerRole): void {
  const post = (message: DebugMessage): void => port.postMessage(message);
  const object = new DebugObject();
  let events: DebugEvent[] = [];
  const loop = new DebugLoop(object, (event) => events.push(event), new RepairTable(table));
  const flush = (): void => {
    if (events.length > 0) {
      post({ type: 'events', events });
      events = [];
    }
  };
  post({ type: 'ready', object: object.handle });
  let hitsTold = performance.now();
  for (;;) {
    const countsWait = loop.breakpoints.changed.size > 0;
    const stopped = loop.stoppedProcess;
    const handles = BigInt64Array.from([wake, object.handle, ...(stopped === undefined ? [] : [stopped])].map(BigInt));
    const signaled = WaitForMultipleObjects(handles.length, handles, 0, countsWait ? HITS_MS : INFINITE);
    if (signaled === STOPPED_ENDED) {
      loop.leaveEndedStop();
    }
    loop.takeEvents();
    if (signaled !== EVENT_WAITS) {
      ResetEvent(wake);
    }
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
      const answer = perform(loop, next.message as DebugCall);
      flush();
      post(answer);
    }
    const now = performance.now();
    if (loop.breakpoints.changed.size > 0 && (loop.isStopped || now - hitsTold >= HITS_MS)) {
      hitsTold = now;
      loop.tellHits();
    }
    flush();
  }
}

function perform(loop: DebugLoop, call: DebugCall): DebugMessage {
  const { id } = call;
  try {
    const operation = debugOperations[call.name] as (loop: DebugLoop, params: unknown, call: DebugCall) => unknown;
    return { type: 'done', id, result: operation(loop, call.params, call) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { type: 'failed', id, failure: { message, data: error instanceof NativeError ? error.data : undefined } };
  }
}
