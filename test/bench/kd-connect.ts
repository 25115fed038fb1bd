/** A connect over KD that waits, cancelled: how long until it is over, the worst of every kind of link. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { KdEngine } from '../../debug-adapter/kd/kd-engine.js';
import { openCarrier } from '../../debug-adapter/kd/open-target.js';
import { CancelledError } from '../../protocol/errors.js';
import type { Benchmark } from './benchmark.js';
import { figure } from './kd.js';

/** Long enough for every kind of link to have tried more than once. */
const WAITS_MS = 1_500;

async function timeOfCancel(address: string): Promise<number> {
  const carrier = openCarrier(address);
  const engine = new KdEngine({ carrier, target: carrier.description });
  const abort = new AbortController();
  const attached = engine.attach(abort.signal).then(
    () => assertCancelled(new Error('it attached')),
    (error: unknown) => assertCancelled(error),
  );
  await setTimeout(WAITS_MS);
  const from = performance.now();
  abort.abort(new CancelledError());
  await attached;
  return performance.now() - from;
}

function assertCancelled(error: unknown): void {
  if (!(error instanceof CancelledError)) throw error;
}

export const kdConnect: Benchmark = {
  names: ['kd-cancel-connect'],
  run: async () => {
    // One that takes the connection and says nothing, as a virtual machine that is off does.
    const mute = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const { port } = mute.address() as AddressInfo;
    try {
      const links = [`tcp:127.0.0.1:${port}`, 'tcp:127.0.0.1:1', 'unix:/nowhere/kd', 'net:50039,key=1.2.3.4'];
      const times: number[] = [];
      for (const link of links) times.push(await timeOfCancel(link));
      return [figure('kd-cancel-connect', Math.max(...times), 'ms', 'lower', 1_000)];
    } finally {
      mute.close();
    }
  },
};
