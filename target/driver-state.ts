/** The sample driver's own account of itself, asked by its state IOCTL. */
import { describeNtstatus } from '../machine/status.js';
import type { RequestResult } from '../protocol/agent-rpc.js';
import { EventscopeError } from '../protocol/errors.js';
import {
  decodeEventsysState,
  encodeEventsys,
  EVENTSYS_IOCTL,
  EVENTSYS_WIN32_DEVICE_NAME,
  type EventsysState,
  MalformedIoctlError,
} from '../protocol/eventsys-ioctl.js';
import type { AgentClient } from './agent-client.js';
import type { Project } from './project.js';
import type { Operation } from './target.js';

/** Enough for some two hundred events; a busier driver says how much it needs. */
const FIRST_OUTPUT_BYTES = 64 * 1024;
/** More than the state of a driver at all its limits. */
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;
const TIMEOUT_MS = 5_000;
const ATTEMPTS = 4;

/**
 * A snapshot of the driver: shared events, schedules, pended requests, buffers, totals, trace counters.
 * @throws EventscopeError `driver.state` when the driver is not there, does not know the request, or answers nonsense
 */
export async function queryDriverState(
  client: AgentClient,
  project: Project,
  operation: Operation,
): Promise<EventsysState> {
  const device = project.driver.device ?? EVENTSYS_WIN32_DEVICE_NAME;
  let outputBytes = FIRST_OUTPUT_BYTES;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const answer = await ask(client, device, outputBytes, operation);
    if (answer.status !== 0) throw refused(client.target, device, answer.status);
    const state = decode(client.target, device, answer.output);
    if (!state.truncated) return state;
    // It may grow again before the next question.
    outputBytes = Math.min(MAX_OUTPUT_BYTES, state.bytesNeeded * 2);
  }
  throw new EventscopeError({
    id: 'driver.state',
    what: `The state of ${device} grew faster than it could be read`,
    target: client.target,
    next: 'Ask again when the driver is less busy.',
  });
}

async function ask(
  client: AgentClient,
  device: string,
  outputBytes: number,
  operation: Operation,
): Promise<RequestResult<'device/control'>> {
  const input = new Uint8Array(encodeEventsys.queryState());
  const params = { device, code: EVENTSYS_IOCTL.QUERY_STATE, input, outputBytes, timeoutMs: TIMEOUT_MS };
  try {
    return await client.request('device/control', params, { signal: operation.signal });
  } catch (error) {
    if (!(error instanceof EventscopeError) || error.id !== 'agent.request') throw error;
    throw new EventscopeError({
      id: 'driver.state',
      what: `${device} could not be asked for its state`,
      target: client.target,
      why: `${error.what}${error.why === undefined ? '' : `: ${error.why}`}`,
      next: 'Deploy the driver first: eventscope deploy.',
      data: error.data,
      cause: error,
    });
  }
}

function decode(target: string, device: string, output: Uint8Array): EventsysState {
  try {
    return decodeEventsysState(output);
  } catch (error) {
    if (!(error instanceof MalformedIoctlError)) throw error;
    throw new EventscopeError({
      id: 'driver.state',
      what: `The state of ${device} could not be read`,
      target,
      why: error.message,
      next: 'Deploy the driver again: it is of another version than this Eventscope.',
      cause: error,
    });
  }
}

function refused(target: string, device: string, status: number): EventscopeError {
  return new EventscopeError({
    id: 'driver.state',
    what: `${device} did not tell its state`,
    target,
    why: describeNtstatus(status),
    next: 'Only drivers that answer the state request of the sample (driver/include/eventsys_public.h) can be asked.',
  });
}
