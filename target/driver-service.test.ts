import assert from 'node:assert/strict';
import type { ServiceStatus } from '../protocol/agent-rpc.js';
import type { AgentClient } from './agent-client.js';
import { DriverService } from './driver-service.js';
import type { Target } from './target.js';

const STATUS: ServiceStatus = {
  name: 'probe',
  state: 'running',
  win32ExitCode: 0,
  specificExitCode: 0,
  processId: 0,
  binaryPath: '',
  startType: 3,
  loadOrderGroup: '',
};

/** Answers agent/info as an agent on Windows or under Wine does; there is no Windows here. */
function mockClient(wineVersion: string | undefined): AgentClient {
  return { request: () => Promise.resolve({ wineVersion }) } as unknown as AgentClient;
}

describe('the process that a running driver’s records are of', () => {
  const cases: [title: string, processId: number, wineVersion: string | undefined, expected: number | undefined][] = [
    ['its host under Wine', 212, '8.0', 212],
    ['the system process on Windows', 0, undefined, 4],
    ['not known when Wine does not tell the host', 0, '8.0', undefined],
  ];
  for (const [title, processId, wineVersion, expected] of cases) {
    it(`is ${title}`, async () => {
      const service = new DriverService({ name: 'mock' } as Target, mockClient(wineVersion), 'probe');
      const operation = { signal: new AbortController().signal, progress: () => undefined };
      assert.equal(await service.hostProcess({ ...STATUS, processId }, operation), expected);
    });
  }
});
