/**
 * Recordings of a KD session: lines of JSON, `{"t": seconds, "dir": "host"|"target", "hex": bytes}`, what crossed the wire in its order
 * (KDNET: each decrypted packet, framed as on a serial line). The first line may say what the recording is of.
 */
import { createReadStream, createWriteStream, type WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import * as v from 'valibot';
import { EventscopeError } from '../../../protocol/errors.js';
import type { WireTap } from '../link/carrier.js';
import { type Clock, realClock } from '../link/clock.js';
import { type KdPacket } from '../link/packet.js';
import { StreamParser } from '../link/stream-parser.js';

const FORMAT = 'eventscope-kd';
/** A line holds at most what a socket gives at once. */
const MAX_LINE = 1 << 20;

const HeaderLine = v.object({
  format: v.literal(FORMAT),
  version: v.literal(1),
  target: v.string(),
  started: v.string(),
});
const WireLine = v.object({
  t: v.pipe(v.number(), v.finite()),
  dir: v.picklist(['host', 'target']),
  hex: v.pipe(v.string(), v.regex(/^(?:[0-9a-f]{2})*$/i)),
});
/** What a recorder that had no room for more leaves at the end. */
const CutLine = v.object({ cut: v.number() });

export interface WireRecord {
  /** Seconds since the recording began. */
  readonly time: number;
  readonly direction: 'host' | 'target';
  readonly bytes: Uint8Array;
}

const malformed = (file: string, line: number, why: string): EventscopeError =>
  new EventscopeError({
    id: 'debug.kdRecording',
    what: `${file} is no recording of a KD session`,
    why: `line ${line}: ${why}`,
    next: 'Give a file that "eventscope kd --record" has written',
  });

function parseLine(text: string, file: string, number: number): WireRecord | undefined {
  if (text.length > MAX_LINE) throw malformed(file, number, 'it is too long');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw malformed(file, number, 'it is no JSON');
  }
  const wire = v.safeParse(WireLine, json);
  if (wire.success) {
    return { time: wire.output.t, direction: wire.output.dir, bytes: Buffer.from(wire.output.hex, 'hex') };
  }
  if ((number === 1 && v.is(HeaderLine, json)) || v.is(CutLine, json)) return undefined;
  throw malformed(file, number, v.summarize(wire.issues).replaceAll('\n', ' '));
}

/** Line by line: a recording may be larger than memory. A last line that a crash has cut is left out. */
export async function* readRecording(file: string): AsyncGenerator<WireRecord> {
  const lines = createInterface({ input: createReadStream(file, 'utf8'), crlfDelay: Infinity });
  let number = 0;
  let failed: EventscopeError | undefined;
  for await (const text of lines) {
    if (failed !== undefined) throw failed;
    number++;
    if (text === '') continue;
    try {
      const record = parseLine(text, file, number);
      if (record !== undefined) yield record;
    } catch (error) {
      if (!(error instanceof EventscopeError) || number === 1) throw error;
      failed = error;
    }
  }
}

export interface RecordedPacket {
  readonly time: number;
  readonly direction: 'host' | 'target';
  readonly packet: KdPacket | 'break-in';
}

export interface DecodedRecording {
  readonly packets: readonly RecordedPacket[];
  /** Bytes that belong to no packet. */
  readonly noise: number;
  /** Packets whose checksum or trailer was wrong. */
  readonly damaged: number;
  /** Bytes of a last packet that the recording cut. */
  readonly unfinished: number;
}

/** All packets of both directions. */
export async function decodeRecording(records: AsyncIterable<WireRecord>): Promise<DecodedRecording> {
  const packets: RecordedPacket[] = [];
  let noise = 0;
  let damaged = 0;
  let time = 0;
  const parserOf = (direction: 'host' | 'target'): StreamParser =>
    new StreamParser(
      {
        packet: (packet) => packets.push({ time, direction, packet }),
        noise: (bytes) => {
          noise += bytes.length;
        },
        damaged: () => damaged++,
      },
      direction === 'host' ? () => packets.push({ time, direction, packet: 'break-in' }) : undefined,
    );
  const parsers = { host: parserOf('host'), target: parserOf('target') };
  for await (const record of records) {
    time = record.time;
    parsers[record.direction].push(record.bytes);
  }
  return { packets, noise, damaged, unfinished: parsers.host.pending + parsers.target.pending };
}

export interface RecorderOptions {
  readonly target: string;
  readonly clock?: Clock;
  /** The file grows no further. Bytes. */
  readonly maxBytes?: number;
}

const DEFAULT_MAX_BYTES = 1 << 30;

/** Writes a recording; hand `tap` to the carrier. */
export class SessionRecorder {
  readonly tap: WireTap;
  readonly #file: WriteStream;
  #written = 0;
  #failure: Error | undefined;
  /** Bytes of the wire that no longer fitted. */
  cut = 0;

  constructor(path: string, { target, clock = realClock, maxBytes = DEFAULT_MAX_BYTES }: RecorderOptions) {
    const begin = clock.now();
    this.#file = createWriteStream(path, { flags: 'w', mode: 0o600 });
    this.#file.on('error', (error) => {
      this.#failure = error;
    });
    this.#line({ format: FORMAT, version: 1, target, started: new Date().toISOString() });
    this.tap = (direction, bytes) => {
      if (this.#written > maxBytes || this.#failure !== undefined) {
        this.cut += bytes.length;
        return;
      }
      const t = Math.round((clock.now() - begin) * 1000) / 1e6;
      this.#line({ t, dir: direction, hex: Buffer.from(bytes).toString('hex') });
    };
  }

  /** Rejects with what kept the file from being written. */
  async close(): Promise<void> {
    if (this.cut > 0) this.#line({ cut: this.cut });
    await new Promise<void>((resolve) => {
      if (this.#file.errored !== null) resolve();
      else this.#file.end(resolve);
    });
    if (this.#failure !== undefined) {
      throw new EventscopeError({
        id: 'debug.kdRecording',
        what: `The recording ${String(this.#file.path)} was not written`,
        why: this.#failure.message,
        cause: this.#failure,
      });
    }
  }

  #line(value: unknown): void {
    const text = `${JSON.stringify(value)}\n`;
    this.#written += text.length;
    this.#file.write(text);
  }
}
