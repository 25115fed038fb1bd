/** The link against a line that damages and loses bytes, in a time of its own: no time-out of it is waited for. */
import assert from 'node:assert/strict';
import { KdClient, type KdEvent } from '../../debug-adapter/kd/kd-client.js';
import { Api, decodeManipulate, encodeManipulate } from '../../debug-adapter/kd/protocol/manipulate.js';
import { readVirtualMemory } from '../../debug-adapter/kd/protocol/requests.js';
import type { ByteStream, ByteStreamEvents } from '../../debug-adapter/kd/link/byte-stream.js';
import type { Clock } from '../../debug-adapter/kd/link/clock.js';
import { KdcomCarrier } from '../../debug-adapter/kd/link/kdcom-carrier.js';
import {
  controlPacket,
  dataPacket,
  encodePacket,
  type KdPacket,
  PacketType,
} from '../../debug-adapter/kd/link/packet.js';
import { StreamParser } from '../../debug-adapter/kd/link/stream-parser.js';

/** Time that stands still until everything that is due has happened. */
class TestClock implements Clock {
  #now = 0;
  #timers: { at: number; run: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, run: () => void): () => void {
    const timer = { at: this.#now + milliseconds, run };
    let index = this.#timers.length;
    while (index > 0 && (this.#timers[index - 1]?.at ?? 0) > timer.at) index--;
    this.#timers.splice(index, 0, timer);
    return () => {
      const found = this.#timers.indexOf(timer);
      if (found >= 0) this.#timers.splice(found, 1);
    };
  }

  /** Runs what is due next; false when nothing is. */
  step(): boolean {
    const next = this.#timers.shift();
    if (next === undefined) return false;
    this.#now = Math.max(this.#now, next.at);
    next.run();
    return true;
  }
}

/** Numbers from a seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value = (value + Math.imul(value ^ (value >>> 7), value | 61)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Line {
  readonly damage: number;
  readonly loss: number;
}

class NoisyEnd implements ByteStream {
  other: NoisyEnd | undefined;
  #events: ByteStreamEvents | undefined;
  #sound = 0;

  constructor(
    private readonly clock: Clock,
    private readonly line: Line,
    private readonly chance: () => number,
  ) {}

  /** Bytes until the next that is damaged or lost: geometrically distributed. */
  #run(): number {
    const rate = this.line.damage + this.line.loss;
    return rate === 0 ? Infinity : Math.floor(Math.log(1 - this.chance()) / Math.log(1 - rate));
  }

  start(events: ByteStreamEvents): void {
    this.#events = events;
    this.#sound = this.#run();
  }

  write(bytes: Uint8Array): void {
    const arriving: number[] = [];
    for (const byte of bytes) {
      if (--this.#sound >= 0) {
        arriving.push(byte);
        continue;
      }
      if (this.chance() * (this.line.damage + this.line.loss) < this.line.damage) {
        arriving.push(byte ^ (1 << Math.floor(this.chance() * 8)));
      }
      this.#sound = this.#run();
    }
    const { other } = this;
    // Bytes arrive in their order: the same delay for all.
    this.clock.after(0.1, () => other?.deliver(Uint8Array.from(arriving)));
  }

  deliver(bytes: Uint8Array): void {
    this.#events?.data(bytes);
  }

  close(): void {
    return;
  }
}

/** The byte that stands at an address, as this target has it. */
const byteAt = (address: bigint): number => Number(((address * 0x9e3779b97f4a7c15n) >> 24n) & 0xffn);

/**
 * A stopped target that reads memory, with KDCOM's rules for a target: it waits for the acknowledgement of what it says, takes data
 * instead of one for as good, asks again for what is damaged.
 */
class ScriptedTarget {
  #nextId = 0x80800800;
  #hostId = 0x80800000;
  #inFlight: { packet: KdPacket; cancel: () => void } | undefined;
  readonly #parser: StreamParser;

  constructor(
    private readonly stream: ByteStream,
    private readonly clock: Clock,
  ) {
    this.#parser = new StreamParser({
      packet: (packet) => this.#receive(packet),
      noise: () => undefined,
      damaged: () => this.#write(controlPacket(PacketType.Resend, 0)),
    });
    let stalled: (() => void) | undefined;
    stream.start({
      data: (bytes) => {
        stalled?.();
        this.#parser.push(bytes);
        if (this.#parser.pending > 0) stalled = clock.after(50, () => this.#parser.abandon());
      },
      closed: () => undefined,
    });
  }

  stop(): void {
    const report = new Uint8Array(240);
    const view = new DataView(report.buffer);
    view.setUint32(0, 0x3030, true);
    view.setUint32(8, 1, true);
    view.setUint32(32, 0x80000003, true);
    this.#send(PacketType.StateChange64, report);
  }

  #send(type: PacketType, payload: Uint8Array): void {
    this.#inFlight?.cancel();
    const inFlight = { packet: dataPacket(type, this.#nextId, payload), cancel: (): void => undefined };
    const transmit = (): void => {
      this.#write(inFlight.packet);
      inFlight.cancel = this.clock.after(1000, transmit);
    };
    this.#inFlight = inFlight;
    transmit();
  }

  #write(packet: KdPacket): void {
    this.stream.write(encodePacket(packet, true));
  }

  #acknowledged(): void {
    this.#inFlight?.cancel();
    this.#inFlight = undefined;
    this.#nextId = ((this.#nextId & ~0x800) ^ 1) >>> 0;
  }

  #receive(packet: KdPacket): void {
    const inFlight = this.#inFlight;
    if (packet.control) {
      if (packet.type === PacketType.Acknowledge && inFlight !== undefined) {
        if (packet.id === (inFlight.packet.id & ~0x800) >>> 0) this.#acknowledged();
      } else if (packet.type === PacketType.Resend && inFlight !== undefined) {
        this.#write(inFlight.packet);
      } else if (packet.type === PacketType.Reset) {
        this.#nextId = 0x80800000;
        this.#hostId = 0x80800000;
        this.#write(controlPacket(PacketType.Reset, 0));
        this.stop();
      }
      return;
    }
    this.#write(controlPacket(PacketType.Acknowledge, packet.id));
    if (inFlight !== undefined) this.#acknowledged();
    if (packet.id !== this.#hostId) return;
    this.#hostId = (this.#hostId ^ 1) >>> 0;
    const request = decodeManipulate(packet.payload);
    if (request?.api !== Api.ReadVirtualMemory) return;
    const address = request.header.getBigUint64(16, true);
    const count = Math.min(64, request.header.getUint32(24, true));
    const data = Uint8Array.from({ length: count }, (_unused, index) => byteAt(address + BigInt(index)));
    this.#send(
      PacketType.StateManipulate,
      encodeManipulate(
        Api.ReadVirtualMemory,
        0,
        [
          { at: 16, width: 8, value: address },
          { at: 24, width: 4, value: count },
          { at: 28, width: 4, value: data.length },
        ],
        data,
      ),
    );
  }
}

/** Longer than any chain of promises between two bytes on the line. */
const SETTLED = 30;

async function soak(line: Line, requests: number): Promise<{ wrong: number; client: KdClient; events: KdEvent[] }> {
  const clock = new TestClock();
  const chance = random(1);
  const ours = new NoisyEnd(clock, line, chance);
  const theirs = new NoisyEnd(clock, line, chance);
  ours.other = theirs;
  theirs.other = ours;
  const target = new ScriptedTarget(theirs, clock);
  const events: KdEvent[] = [];
  const client = new KdClient(
    new KdcomCarrier({ description: 'soak', open: () => Promise.resolve(ours), clock, reopen: false }),
    { clock, onEvent: (event) => events.push(event) },
  );
  let wrong = 0;
  const work = (async () => {
    client.start();
    target.stop();
    await client.connect({ breakIn: false });
    for (let index = 0; index < requests; index++) {
      const address = 0xfffff80000000000n + BigInt(index * 16);
      const { data } = await client.request(readVirtualMemory(address, 8));
      const right = data.length === 8 && data.every((byte, at) => byte === byteAt(address + BigInt(at)));
      if (!right) wrong++;
    }
  })();
  let done = false;
  void work.finally(() => (done = true)).catch(() => undefined);
  while (!done) {
    // Promises first: what they set in motion is due before the clock moves.
    for (let count = 0; count < SETTLED; count++) await Promise.resolve();
    clock.step();
  }
  await work;
  return { wrong, client, events };
}

describe('a line that damages', () => {
  it('10,000 requests over 1 % damaged and 1 % lost bytes: every answer is right', async function () {
    this.timeout(120_000);
    const { wrong, client } = await soak({ damage: 0.01, loss: 0.01 }, 10_000);
    assert.equal(wrong, 0);
    const { sent, retransmitted, damaged } = client.link.statistics;
    assert.ok(retransmitted > 10_000 && damaged > 10_000, `${sent} sent, ${retransmitted} again, ${damaged} damaged`);
  });

  it('a clean line costs one packet a request', async () => {
    const { wrong, client, events } = await soak({ damage: 0, loss: 0 }, 1_000);
    assert.equal(wrong, 0);
    assert.deepEqual(client.link.statistics, {
      sent: 1_000,
      retransmitted: 0,
      received: 1_001,
      duplicates: 0,
      damaged: 0,
      resets: 0,
    });
    assert.equal(events.filter((event) => event.type !== 'stopped').length, 0);
  });
});
