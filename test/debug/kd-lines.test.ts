/** Lines that misbehave between the engine and the target, and KDNET. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { KdnetTarget } from '../kd-target/kdnet-target.js';
import { PacketType } from '../kd-target/target-link.js';
import { EngineUnderTest, KdBench, until } from './kd-fixture.js';

/** The first bytes of packets. */
const DATA = 0x30;
const CONTROL = 0x69;
const CONTINUE2_BYTES = Buffer.of(0x3c, 0x31, 0, 0);
const KEY = '1a2b3c.4d5e6f.7g8h9i.jklmno';

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}

describe('the kernel engine on lines that misbehave', function () {
  this.timeout(60_000);
  let bench: KdBench;
  afterEach(() => bench.close());

  it('reads what is there although bytes are damaged, lost, doubled, cut and late', async () => {
    const bad = { lost: 0.0002, damaged: 0.0002, duplicated: 0.0002, pieces: 3 };
    bench = await KdBench.make(
      { booted: true, retransmitMs: 100 },
      { toHost: { seed: 1, ...bad, delayMs: 1 }, toTarget: { seed: 2, ...bad, delayMs: 1 } },
    );
    const made = await bench.attached();
    const { image } = bench.target.kernel;
    const there = bench.target.kernel.memory.space.read(image.base, image.bytes.length);
    for (let offset = 0; offset + 128 <= 1_024; offset += 128) {
      made.engine.memory.invalidate();
      assert.deepEqual(await made.read(image.base + BigInt(offset), 128), there.slice(offset, offset + 128));
    }
    const id = await made.breakAt(bench.at('eventsys.sys', 'EsTimerDpc'));
    const { reason } = await made.resumeToStop();
    assert.deepEqual(reason, { kind: 'breakpoint', breakpoints: [id] });
  });

  it('hears of a stop whose report never came, because the repeat of a request has acknowledged it', async () => {
    let line: 'whole' | 'until let go' | 'acknowledgement' | 'reports' = 'whole';
    const isPacket = (bytes: Uint8Array, leader: number, type: number): boolean =>
      bytes[0] === leader && bytes[4] === type;
    const swallowsOfHost = (bytes: Uint8Array): boolean => {
      if (line === 'until let go' && Buffer.from(bytes).includes(CONTINUE2_BYTES)) line = 'acknowledgement';
      if (line === 'reports' && isPacket(bytes, CONTROL, PacketType.Reset)) line = 'whole';
      return false;
    };
    const swallowsOfTarget = (bytes: Uint8Array): boolean => {
      if (line === 'acknowledgement' && isPacket(bytes, CONTROL, PacketType.Acknowledge)) {
        line = 'reports';
        return true;
      }
      return line === 'reports' && isPacket(bytes, DATA, PacketType.StateChange64);
    };
    bench = await KdBench.make(
      { booted: true, retransmitMs: 100 },
      { toHost: { seed: 4, swallows: swallowsOfTarget }, toTarget: { seed: 5, swallows: swallowsOfHost } },
    );
    const made = await bench.attached();
    const id = await made.breakAt(bench.at('ntoskrnl.exe', 'KeSetEvent'));
    line = 'until let go';
    assert.deepEqual((await made.resumeToStop()).reason, { kind: 'breakpoint', breakpoints: [id] });
    assert.equal(line, 'whole', 'it was asked');
    // Both sides count their packets alike afterwards.
    assert.deepEqual((await made.resumeToStop()).reason, { kind: 'breakpoint', breakpoints: [id] });
  });

  it('takes bytes one by one', async () => {
    bench = await KdBench.make({ booted: true, retransmitMs: 100 }, { toHost: { seed: 3, pieces: 64 } });
    const made = await bench.attached();
    await made.breakAt(bench.at('ntoskrnl.exe', 'KeSetEvent'));
    for (let index = 0; index < 5; index++) assert.equal((await made.resumeToStop()).reason.kind, 'breakpoint');
  });
});

describe('the kernel engine over KDNET', () => {
  let net: KdnetTarget;
  let hostPort: number;
  const engines: EngineUnderTest[] = [];

  const start = async (options: Partial<ConstructorParameters<typeof KdnetTarget>[0]> = {}): Promise<void> => {
    hostPort = await freePort();
    net = new KdnetTarget({ key: KEY, hostPort, pokeMs: 500, retransmitMs: 100, booted: true, ...options });
  };
  const engine = (): EngineUnderTest => {
    const made = new EngineUnderTest(`net:${hostPort},key=${KEY}`);
    engines.push(made);
    return made;
  };
  const runs = async (): Promise<void> => {
    const { kernel } = net.target;
    const before = kernel.memory.get64(kernel.counters);
    await until('a round of the driver', () => kernel.memory.get64(kernel.counters) > before);
  };
  afterEach(async () => {
    for (const { engine: each } of engines.splice(0)) await each.client.close();
    net.end();
  });

  it('attaches within one poke, breaks, and leaves; a datagram that comes twice counts once', async () => {
    await start({ mangle: (datagram) => [datagram, datagram] });
    const made = engine();
    const attaching = made.attach();
    await net.start();
    assert.equal((await attaching).reason.kind, 'pause');
    const { kernel } = net.target;
    const id = await made.breakAt(kernel.address('eventsys.sys', 'EsTimerDpc'));
    for (let index = 0; index < 3; index++) {
      assert.deepEqual((await made.resumeToStop()).reason, { kind: 'breakpoint', breakpoints: [id] });
    }
    const bytes = await made.read(kernel.image.base, 4_096);
    assert.deepEqual(bytes, kernel.memory.space.read(kernel.image.base, 4_096));
    await made.engine.detach();
    await runs();
  });

  it('attaches after a debugger that was killed, to a target that it has left stopped and to one that runs', async () => {
    await start();
    await net.start();
    const first = engine();
    await first.attach();
    const { kernel } = net.target;
    await first.breakAt(kernel.address('eventsys.sys', 'EsTimerDpc'), { once: true });
    await first.resumeToStop();
    await first.engine.client.close();
    assert.ok(net.target.isStopped);
    const second = engine();
    assert.equal((await second.attach()).reason.kind, 'pause');
    await second.engine.resume();
    await runs();
    await second.engine.client.close();
    const third = engine();
    assert.equal((await third.attach()).reason.kind, 'pause');
    assert.deepEqual(await third.read(kernel.image.base, 64), kernel.memory.space.read(kernel.image.base, 64));
    await third.engine.detach();
    await runs();
  });

  it('reads what is there although every fifth datagram is lost and every third comes twice', async () => {
    let count = 0;
    let isWhole = false;
    const mangle = (datagram: Uint8Array): readonly Uint8Array[] => {
      count++;
      if (isWhole) return [datagram];
      return count % 5 === 0 ? [] : count % 3 === 0 ? [datagram, datagram] : [datagram];
    };
    await start({ mangle, retransmitMs: 20 });
    await net.start();
    const made = engine();
    await made.attach();
    const { image, memory } = net.target.kernel;
    assert.deepEqual(await made.read(image.base, 8_192), memory.space.read(image.base, 8_192));
    const id = await made.breakAt(net.target.kernel.address('eventsys.sys', 'EsTimerDpc'));
    assert.deepEqual((await made.resumeToStop()).reason, { kind: 'breakpoint', breakpoints: [id] });
    assert.ok(count > 100, `${count} datagrams`);
    // That a running target was let go is not told again: the last word would take its time.
    isWhole = true;
    await made.engine.detach();
    await runs();
  });
});
