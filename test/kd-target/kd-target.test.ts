/** The test target against frames that are written out from the reference: it must be right by itself, whoever talks to it. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { KdTarget } from './kd-target.js';
import { DRIVER_BASE } from './kernel.js';

const ACK = 4;
const DEBUG_IO = 3;
const RESET = 6;
const STATE_CHANGE = 7;
const MANIPULATE = 2;
/** Of the event loop: in each the target runs some hundred instructions. */
const MANY_TURNS = 10_000;

interface Packet {
  readonly type: number;
  readonly id: number;
  readonly payload: Buffer;
}

/** The other end, one byte string at a time. It knows nothing but the header. */
class RawHost {
  readonly packets: Packet[] = [];
  readonly target: KdTarget;
  #id = 0x8080_0000;
  #arrived: (() => void) | undefined;
  acknowledge = true;

  constructor(options: Partial<ConstructorParameters<typeof KdTarget>[0]> = {}) {
    this.target = new KdTarget({ retransmitMs: 200, ...options, send: (bytes) => this.#take(Buffer.from(bytes)) });
  }

  #take(bytes: Buffer): void {
    const packet = { type: bytes.readUInt16LE(4), id: bytes.readUInt32LE(8), payload: bytes.subarray(16, -1) };
    this.packets.push(packet);
    const isData = bytes.readUInt32LE(0) === 0x3030_3030;
    if (isData && this.acknowledge) setImmediate(() => this.control(ACK, (packet.id & ~0x800) >>> 0));
    this.#arrived?.();
  }

  control(type: number, id: number): void {
    const bytes = Buffer.alloc(16);
    bytes.write('iiii', 0, 'latin1');
    bytes.writeUInt16LE(type, 4);
    bytes.writeUInt32LE(id, 8);
    this.target.receive(bytes);
  }

  /** Waits until a packet is there that the condition takes; those before it are dropped. */
  async next(type: number, condition: (payload: Buffer) => boolean = () => true): Promise<Packet> {
    for (;;) {
      while (this.packets.length > 0) {
        const packet = this.packets.shift();
        if (packet?.type === type && condition(packet.payload)) return packet;
      }
      await new Promise<void>((resolve) => (this.#arrived = resolve));
    }
  }

  async request(api: number, fill: (header: Buffer) => void, data: Buffer = Buffer.alloc(0)): Promise<Buffer> {
    this.send(api, fill, data);
    const { payload } = await this.next(MANIPULATE, (reply) => reply.readUInt32LE(0) === api);
    await new Promise((resolve) => setImmediate(resolve));
    return payload;
  }

  send(api: number, fill: (header: Buffer) => void, data: Buffer = Buffer.alloc(0)): void {
    const header = Buffer.alloc(56);
    header.writeUInt32LE(api, 0);
    fill(header);
    const payload = Buffer.concat([header, data]);
    const frame = Buffer.alloc(17 + payload.length);
    frame.write('0000', 0, 'latin1');
    frame.writeUInt16LE(MANIPULATE, 4);
    frame.writeUInt16LE(payload.length, 6);
    frame.writeUInt32LE(this.#id, 8);
    frame.writeUInt32LE(
      payload.reduce((sum, byte) => sum + byte, 0),
      12,
    );
    payload.copy(frame, 16);
    frame[frame.length - 1] = 0xaa;
    this.#id = (this.#id ^ 1) >>> 0;
    this.target.receive(frame);
  }

  continue(trace = 0, dr7 = 0x400n): void {
    this.send(0x313c, (header) => {
      header.writeUInt32LE(0x0001_0002, 16);
      header.writeUInt32LE(trace, 20);
      header.writeBigUInt64LE(dr7, 24);
    });
  }

  async stop(code: number): Promise<Buffer> {
    const { payload } = await this.next(
      STATE_CHANGE,
      (report) => report.readUInt32LE(0) === 0x3030 && report.readUInt32LE(32) === code,
    );
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    return payload;
  }

  async context(processor = 0): Promise<Buffer> {
    const reply = await this.request(0x3132, (header) => header.writeUInt16LE(processor, 6));
    return reply.subarray(56);
  }

  async setContext(context: Buffer, processor = 0): Promise<void> {
    const reply = await this.request(0x3133, (header) => header.writeUInt16LE(processor, 6), context);
    assert.equal(reply.readUInt32LE(8), 0);
  }
}

describe('KD test target', () => {
  let host: RawHost;
  afterEach(() => host.target.end());

  it('answers the frame for GetVersion that the reference writes out', async () => {
    host = new RawHost({ booted: true });
    await host.target.start();
    host.target.receive(Uint8Array.of(0x62));
    await host.stop(0x8000_0003);
    const frame = Buffer.concat([
      Buffer.from('30303030020038000000808077000000463100', 'hex'),
      Buffer.alloc(53),
      Buffer.from('aa', 'hex'),
    ]);
    host.target.receive(frame);
    const { payload } = await host.next(MANIPULATE);
    assert.deepEqual([payload.readUInt32LE(0), payload.readUInt32LE(8), payload.readUInt16LE(24)], [0x3146, 0, 0x8664]);
    assert.equal(payload.readBigUInt64LE(32), host.target.kernel.image.base);
  });

  it('boots with a print and two load-symbols stops, the first packet with the sync bit, and waits at each', async () => {
    host = new RawHost();
    const started = host.target.start();
    const first = await host.next(3);
    assert.equal(first.id, 0x8080_0800);
    const load = await host.next(STATE_CHANGE);
    assert.equal(load.payload.readUInt32LE(0), 0x3031);
    assert.match(load.payload.subarray(240).toString('latin1'), /ntoskrnl\.exe\0$/);
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    host.continue();
    const second = await host.next(STATE_CHANGE, (payload) => payload.readBigUInt64LE(40) === DRIVER_BASE);
    assert.equal(second.payload.readBigUInt64LE(48), 4n);
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    host.continue();
    await started;
    assert.equal(host.target.isStopped, false);
  });

  it('runs: the driver signals, its worker and the application wake, each on its side', async () => {
    host = new RawHost({ booted: true });
    await host.target.start();
    const { kernel } = host.target;
    const rounds = {
      'of the timer thread': () => kernel.memory.get64(kernel.counters),
      'of the worker': () => kernel.memory.get64(kernel.counters + 8n),
      'of the application': () => kernel.app.space.unsigned(kernel.appCounter, 8),
    };
    for (const [whose, count] of Object.entries(rounds)) {
      for (let turn = 0; count() <= 2n && turn < MANY_TURNS; turn++) await new Promise((next) => setImmediate(next));
      assert.ok(count() > 2n, `rounds ${whose}`);
    }
    // It looks for a break-in once what the driver prints was acknowledged.
    await host.next(DEBUG_IO);
    await new Promise((resolve) => setImmediate(resolve));
    host.target.receive(Uint8Array.of(0x62));
    await host.stop(0x8000_0003);
  });

  it('ignores a RESET while it runs, and answers one when stopped, with its report again', async () => {
    host = new RawHost({ booted: true });
    await host.target.start();
    // What the driver prints at its start has been acknowledged: the target looks for nothing but a break-in then.
    await host.next(DEBUG_IO);
    await new Promise((resolve) => setImmediate(resolve));
    host.control(RESET, 0);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(
      host.packets.some(({ type }) => type === RESET),
      false,
    );
    host.target.receive(Uint8Array.of(0x62));
    await host.stop(0x8000_0003);
    host.control(RESET, 0);
    await host.next(RESET);
    await host.stop(0x8000_0003);
  });

  it('stops at a breakpoint of its table, which the report has removed, and steps from there', async () => {
    host = new RawHost({ booted: true, processors: 1 });
    await host.target.start();
    host.target.receive(Uint8Array.of(0x62));
    await host.stop(0x8000_0003);
    const keSetEvent = host.target.kernel.address('ntoskrnl.exe', 'KeSetEvent');
    const written = await host.request(0x3134, (header) => header.writeBigUInt64LE(keSetEvent, 16));
    const handle = written.readUInt32LE(24);
    assert.equal(written.readUInt32LE(8), 0);
    const context = await host.context();
    context.writeBigUInt64LE(context.readBigUInt64LE(0xf8) + 1n, 0xf8);
    await host.setContext(context);
    host.continue();
    const hit = await host.stop(0x8000_0003);
    assert.equal(hit.readBigUInt64LE(24), keSetEvent);
    assert.equal(hit[216], 0x48, 'the report shows the instruction, not the breakpoint');
    const restored = await host.request(0x3135, (header) => header.writeUInt32LE(handle, 16));
    assert.equal(restored.readUInt32LE(8), 0xc000_0001, 'the report has removed it');
    const events = [host.target.kernel.namespace.sharedEvent, host.target.kernel.namespace.workEvent];
    assert.ok(events.includes((await host.context()).readBigUInt64LE(0x80)), 'rcx is an event');
    host.continue(1);
    const step = await host.stop(0x8000_0004);
    assert.equal(step.readBigUInt64LE(24), keSetEvent + 4n);
  });

  it('stops after a write to a watched signal state', async () => {
    host = new RawHost({ booted: true });
    await host.target.start();
    host.target.receive(Uint8Array.of(0x62));
    await host.stop(0x8000_0003);
    const { sharedEvent } = host.target.kernel.namespace;
    for (const processor of [0, 1]) {
      const read = await host.request(0x3137, (header) => {
        header.writeUInt16LE(processor, 6);
        header.writeBigUInt64LE(2n, 16);
        header.writeUInt32LE(0xf0, 24);
      });
      const special = read.subarray(56);
      special.writeBigUInt64LE(sharedEvent + 4n, 0x20);
      special.writeBigUInt64LE(0x400n | 2n | (1n << 16n) | (3n << 18n), 0x48);
      await host.request(
        0x3138,
        (header) => {
          header.writeUInt16LE(processor, 6);
          header.writeBigUInt64LE(2n, 16);
          header.writeUInt32LE(special.length, 24);
        },
        special,
      );
    }
    const context = await host.context();
    context.writeBigUInt64LE(context.readBigUInt64LE(0xf8) + 1n, 0xf8);
    await host.setContext(context);
    host.continue(0, 0x400n | 2n | (1n << 16n) | (3n << 18n));
    const hit = await host.stop(0x8000_0004);
    assert.equal(hit.readBigUInt64LE(192) & 1n, 1n);
  });

  it('sends again what is not acknowledged, with the same id', async () => {
    host = new RawHost();
    host.acknowledge = false;
    void host.target.start();
    const first = await host.next(3);
    const second = await host.next(3);
    assert.deepEqual(
      [second.id, createHash('md5').update(second.payload).digest('hex')],
      [first.id, createHash('md5').update(first.payload).digest('hex')],
    );
  });

  it('switches processors with a report of its own, and goes back to the owner', async () => {
    host = new RawHost({ booted: true });
    await host.target.start();
    host.target.receive(Uint8Array.of(0x62));
    const owner = (await host.stop(0x8000_0003)).readUInt16LE(6);
    const other = 1 - owner;
    host.send(0x3150, (header) => header.writeUInt16LE(other, 6));
    const report = await host.stop(0x8000_0007);
    assert.equal(report.readUInt16LE(6), other);
    host.continue();
    const back = await host.stop(0x8000_0007);
    assert.equal(back.readUInt16LE(6), owner);
    assert.ok(host.target.isStopped);
  });
});
