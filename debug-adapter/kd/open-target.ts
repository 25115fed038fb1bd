/** A carrier for what a person named: an address, or a recording to replay. */
import { parseKdAddress, type KdAddress, describeKdAddress } from './link/address.js';
import { byteStreamOpener, type ByteStream } from './link/byte-stream.js';
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
  const description = describeKdAddress(address);
  if (address.kind === 'replay') {
    // It is read when it is asked for, and its end is the link's.
    const open = async (): Promise<ByteStream> => (await replayTarget(address.path)).stream;
    return new KdcomCarrier({ description, open, reopen: false, ...tapped });
  }
  return new KdcomCarrier({ description, open: byteStreamOpener(address), ...tapped });
}

async function replayTarget(file: string): Promise<{ readonly stream: ByteStream; readonly target: ReplayTarget }> {
  const recording = await decodeRecording(readRecording(file));
  const [stream, theirs] = streamPair();
  return { stream, target: new ReplayTarget(recording, theirs) };
}

export interface Replay {
  readonly carrier: PacketCarrier;
  readonly target: ReplayTarget;
}

export async function openReplay(file: string): Promise<Replay> {
  const { stream, target } = await replayTarget(file);
  const carrier = new KdcomCarrier({
    description: `replay of ${file}`,
    open: () => Promise.resolve(stream),
    reopen: false,
  });
  return { carrier, target };
}
