/** A carrier for what a person named: an address, or a recording to replay. */
import { parseKdAddress, type KdAddress, describeKdAddress } from './link/address.js';
import { byteStreamOpener } from './link/byte-stream.js';
import type { PacketCarrier, WireTap } from './link/carrier.js';
import { KdcomCarrier } from './link/kdcom-carrier.js';
import { KdnetCarrier } from './link/kdnet-carrier.js';
import { decodeRecording, readRecording } from './replay/recording.js';
import { ReplayTarget } from './replay/replay-target.js';
import { streamPair } from './replay/stream-pair.js';

export function openCarrier(text: string, tap?: WireTap): PacketCarrier {
  const address: KdAddress = parseKdAddress(text);
  const tapped = tap === undefined ? {} : { tap };
  if (address.kind === 'net') {
    const { port, key, targetHost } = address;
    return new KdnetCarrier({ port, key, ...(targetHost === undefined ? {} : { targetHost }), ...tapped });
  }
  return new KdcomCarrier({ description: describeKdAddress(address), open: byteStreamOpener(address), ...tapped });
}

export interface Replay {
  readonly carrier: PacketCarrier;
  readonly target: ReplayTarget;
}

export async function openReplay(file: string): Promise<Replay> {
  const recording = await decodeRecording(readRecording(file));
  const [ours, theirs] = streamPair();
  const target = new ReplayTarget(recording, theirs);
  const carrier = new KdcomCarrier({
    description: `replay of ${file}`,
    open: () => Promise.resolve(ours),
    reopen: false,
  });
  return { carrier, target };
}
