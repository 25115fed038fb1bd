/** A call worker's own side: one call at a time, answered by message. See call-pool.ts. */
import { parentPort, type MessagePort } from 'node:worker_threads';
import { CancelledError } from '../protocol/errors.js';
import type { AgentErrorData } from '../protocol/agent-rpc.js';
import type { CallContext } from './call-context.js';
import { callOperations, type CallName } from './call-operations.js';
import { CreateEventW, ResetEvent } from './native/common-native.js';
import type { Handle } from './native/memory.js';
import { NativeError } from './native/native-error.js';

export interface CallRequest {
  readonly id: number;
  readonly name: CallName;
  readonly params: unknown;
}

export interface CallFailure {
  readonly message: string;
  readonly data?: AgentErrorData | undefined;
  readonly cancelled?: boolean;
}

export type CallMessage =
  | { readonly type: 'ready'; readonly cancelEvent: Handle }
  | { readonly type: 'part'; readonly id: number; readonly data: Uint8Array; readonly count: number }
  | { readonly type: 'done'; readonly id: number; readonly result: unknown }
  | { readonly type: 'failed'; readonly id: number; readonly failure: CallFailure };

/** flag: [0] is not 0 when the present call is cancelled. */
export function runCallWorker(flag: Int32Array): void {
  const port = parentPort;
  if (port === null) {
    throw new Error('A call worker runs in a worker thread');
  }
  const cancelEvent = CreateEventW(null, 1, 0, null);
  const post = (message: CallMessage): void => port.postMessage(message);
  port.on('message', (request: CallRequest) => {
    ResetEvent(cancelEvent);
    post(answer(request, contextFor(request.id, flag, cancelEvent, port)));
  });
  post({ type: 'ready', cancelEvent });
}

function contextFor(id: number, flag: Int32Array, cancelEvent: Handle, port: MessagePort): CallContext {
  return {
    cancelEvent,
    cancelled: () => Atomics.load(flag, 0) !== 0,
    sleep: (milliseconds) => void Atomics.wait(flag, 0, 0, milliseconds),
    emit: (data, count) => port.postMessage({ type: 'part', id, data, count } satisfies CallMessage),
  };
}

function answer(request: CallRequest, context: CallContext): CallMessage {
  const { id, name, params } = request;
  try {
    const operation = callOperations[name] as (params: unknown, context: CallContext) => unknown;
    return { type: 'done', id, result: operation(params, context) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof NativeError) {
      return { type: 'failed', id, failure: { message, data: error.data } };
    }
    return { type: 'failed', id, failure: { message, cancelled: error instanceof CancelledError } };
  }
}
