/** Connects over KD: one that waits, cancelled, the worst of every kind of link; pokes of a KDNET target until it is attached to. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { KdEngine } from '../../debug-adapter/kd/kd-engine.js';
import { openCarrier } from '../../debug-adapter/kd/open-target.js';
import { CancelledError } from '../../protocol/errors.js';
import { KdnetTarget } from '../kd-target/kdnet-target.js';
import type { Benchmark } from './benchmark.js';
import { figure } from './kd.js';

/** Long enough for every kind of link to have tried more than once. */
const WAITS_MS = 1_500;
const KEY = '1.2.3.4';
const KDNET_PORT = 50_039;
const KDNET = `net:${KDNET_PORT},key=${KEY}`;
/** Of a KDNET datagram. */
const CHANNEL_AT = 5;
const CONTROL_CHANNEL = 1;

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

/** A target that has poked in vain, at the pace of Windows: how often it pokes from the host's start until it is attached to. */
async function pokesUntilAttached(): Promise<number> {
  let pokes = 0;
  const mangle = (datagram: Uint8Array): readonly Uint8Array[] => {
    if (datagram[CHANNEL_AT] === CONTROL_CHANNEL) pokes++;
    return [datagram];
  };
  const target = new KdnetTarget({ key: KEY, hostPort: KDNET_PORT, booted: true, mangle });
  await target.start();
  await setTimeout(500);
  const before = pokes;
  const carrier = openCarrier(KDNET);
  const engine = new KdEngine({ carrier, target: carrier.description });
  try {
    await engine.attach(AbortSignal.timeout(20_000));
    const needed = pokes - before;
    await engine.detach();
    return needed;
  } finally {
    await engine.client.close();
    target.end();
  }
}

function assertCancelled(error: unknown): void {
  if (!(error instanceof CancelledError)) throw error;
}

export const kdConnect: Benchmark = {
  names: ['kd-cancel-connect', 'kd-pokes-until-attached'],
  run: async () => {
    // One that takes the connection and says nothing, as a virtual machine that is off does.
    const mute = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const { port } = mute.address() as AddressInfo;
    try {
      const links = [`tcp:127.0.0.1:${port}`, 'tcp:127.0.0.1:1', 'unix:/nowhere/kd', KDNET];
      const times: number[] = [];
      for (const link of links) times.push(await timeOfCancel(link));
      return [
        figure('kd-cancel-connect', Math.max(...times), 'ms', 'lower', 1_000),
        figure('kd-pokes-until-attached', await pokesUntilAttached(), 'pokes', 'lower', 1),
      ];
    } finally {
      mute.close();
    }
  },
};
