/** Requests at the sample driver, straight through the agent. */
import { setTimeout as delay } from 'node:timers/promises';
import {
  decodeEventsysState,
  encodeEventsys,
  EVENTSYS_IOCTL,
  EVENTSYS_WIN32_DEVICE_NAME,
  type EventsysFault,
  type EventsysState,
} from '../../protocol/eventsys-ioctl.js';
import type { AgentClient } from '../../target/agent-client.js';

const SETTLE_MS = 10_000;

/** The driver's state; asked again until it is as wanted, or for ten seconds. */
export async function driverState(
  client: AgentClient,
  wanted: (state: EventsysState) => boolean = () => true,
): Promise<EventsysState> {
  const end = Date.now() + SETTLE_MS;
  for (;;) {
    const answer = await client.request('device/control', {
      device: EVENTSYS_WIN32_DEVICE_NAME,
      code: EVENTSYS_IOCTL.QUERY_STATE,
      input: Uint8Array.from(encodeEventsys.queryState()),
      outputBytes: 256 * 1024,
      timeoutMs: 5_000,
    });
    if (answer.status !== 0) throw new Error(`QUERY_STATE: status 0x${answer.status.toString(16)}`);
    const state = decodeEventsysState(answer.output);
    if (wanted(state) || Date.now() > end) return state;
    await delay(100);
  }
}

/** Makes a driver that was built with EVENTSYS_TEST_FAULTS misbehave. */
export async function requestFault(
  client: AgentClient,
  fault: EventsysFault,
  argument: number,
): Promise<{ status: number; win32Error: number }> {
  return await client.request('device/control', {
    device: EVENTSYS_WIN32_DEVICE_NAME,
    code: EVENTSYS_IOCTL.FAULT,
    input: Uint8Array.from(encodeEventsys.fault(fault, argument)),
    outputBytes: 0,
    timeoutMs: 5_000,
  });
}

/** Runs a program of the target to its end, and gives its exit code. */
export async function runProgram(client: AgentClient, program: string, args: readonly string[]): Promise<number> {
  const ended = new Map<number, number>();
  let wake = (): void => undefined;
  const unsubscribe = client.onNotification('process/exited', ({ process, exitCode }) => {
    ended.set(process, exitCode);
    wake();
  });
  try {
    const { process } = await client.request('process/start', { program, arguments: [...args], endWithAgent: true });
    for (;;) {
      const code = ended.get(process);
      if (code !== undefined) return code;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    unsubscribe();
  }
}

const PARAMETERS = 'HKLM\\System\\CurrentControlSet\\Services\\eventsys\\Parameters';
const REG = 'C:\\windows\\system32\\reg.exe';

/** A value under the service's Parameters key, which a driver built for tests reads when it starts. */
export async function setParameter(client: AgentClient, name: string, value: number): Promise<void> {
  const args = ['add', PARAMETERS, '/v', name, '/t', 'REG_DWORD', '/d', String(value), '/f'];
  const code = await runProgram(client, REG, args);
  if (code !== 0) throw new Error(`reg ${args.join(' ')} ended with ${code}`);
}

export async function clearParameters(client: AgentClient): Promise<void> {
  await runProgram(client, REG, ['delete', PARAMETERS, '/f']);
}
