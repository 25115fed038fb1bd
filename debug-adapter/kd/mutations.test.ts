/** Seeded mutations of every packet of the recordings: whatever a target says, the host neither hangs, crashes nor grows. */
import assert from 'node:assert/strict';
import { describePacket } from './describe-packet.js';
import { KdClient, type KdEvent } from './kd-client.js';
import { KdcomCarrier } from './link/kdcom-carrier.js';
import { encodePacket, type KdPacket, MAX_PAYLOAD_BYTES } from './link/packet.js';
import { StreamParser } from './link/stream-parser.js';
import { DebuggerData } from './nt/debugger-data.js';
import { readKernelModules } from './nt/modules.js';
import { decodeRecording, readRecording } from './replay/recording.js';
import { kdRecording, withRecordings } from './replay/test-recordings.js';
import { streamPair } from './replay/stream-pair.js';

function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
}

/** Some bytes changed, cut or put in, at places that the seed says. */
function mutated(bytes: Uint8Array, chance: () => number): Uint8Array {
  const result = [...bytes];
  for (let count = 1 + Math.floor(chance() * 4); count > 0; count--) {
    const at = Math.floor(chance() * result.length);
    const kind = chance();
    if (kind < 0.6) result[at] = [0, 0xff, 0x7f, 0x80, Math.floor(chance() * 256)][Math.floor(chance() * 5)] ?? 0;
    else if (kind < 0.8) result.splice(at, 1 + Math.floor(chance() * 8));
    else
      result.splice(at, 0, ...Array.from({ length: 1 + Math.floor(chance() * 8) }, () => Math.floor(chance() * 256)));
  }
  return Uint8Array.from(result);
}

async function packetsOf(
  name: 'boot' | 'live',
): Promise<readonly { packet: KdPacket; direction: 'host' | 'target' }[]> {
  const { packets } = await decodeRecording(readRecording(kdRecording(name)));
  return packets.flatMap(({ packet, direction }) => (packet === 'break-in' ? [] : [{ packet, direction }]));
}

withRecordings('mutated packets', () => {
  it('payloads with a right checksum are decoded to something, or to nothing', async () => {
    const chance = random(1);
    let decoded = 0;
    for (const name of ['live', 'boot'] as const) {
      for (const { packet, direction } of await packetsOf(name)) {
        for (let round = 0; round < 16 && packet.payload.length > 0; round++) {
          const payload = mutated(packet.payload, chance);
          const { text } = describePacket({ ...packet, payload }, direction);
          assert.ok(text.length < 4 * MAX_PAYLOAD_BYTES + 512);
          decoded++;
        }
      }
    }
    assert.ok(decoded > 10_000, `${decoded} payloads`);
  });

  it('frames on the line: the parser keeps at most one packet, and finds the next sound one', async () => {
    const chance = random(2);
    const packets = (await packetsOf('live')).map(({ packet }) => encodePacket(packet, true));
    let found = 0;
    const parser = new StreamParser({ packet: () => found++, noise: () => undefined, damaged: () => undefined });
    for (let round = 0; round < 20; round++) {
      for (const frame of packets) {
        parser.push(mutated(frame, chance));
        assert.ok(parser.pending <= MAX_PAYLOAD_BYTES + 17, `${parser.pending} bytes are kept`);
      }
      while (parser.pending > 0) parser.abandon();
      found = 0;
      for (const frame of packets) parser.push(frame);
      assert.equal(found, packets.length);
    }
  });

  it('a client that is told mutated packets stays whole and answers its owner', async () => {
    const chance = random(3);
    const frames = (await packetsOf('live'))
      .filter(({ direction, packet }) => direction === 'target' && !packet.control)
      .map(({ packet }) => packet);
    const [ours, theirs] = streamPair((run) => run());
    theirs.start({ data: () => undefined, closed: () => undefined });
    const events: KdEvent[] = [];
    const client = new KdClient(
      new KdcomCarrier({ description: 'mutations', open: () => Promise.resolve(ours), reopen: false }),
      { onEvent: (event) => events.push(event) },
    );
    client.start();
    await new Promise<void>((resolve) => setImmediate(resolve));
    frames.forEach((packet, index) => {
      const id = (0x80800000 | (index & 1)) >>> 0;
      theirs.write(encodePacket({ ...packet, id, payload: mutated(packet.payload, chance) }, true));
    });
    assert.ok(client.link.statistics.received > frames.length / 2);
    assert.ok(events.some((event) => event.type === 'stopped'));
    await client.close();
    assert.equal(client.state, 'closed');
  });

  it('lists and blocks of a damaged kernel end', async () => {
    const chance = random(4);
    for (let round = 0; round < 50; round++) {
      const memory = {
        read: (address: bigint, length: number): Promise<Uint8Array> => {
          if (chance() < 0.02) return Promise.resolve(new Uint8Array(0));
          const bytes = Buffer.alloc(length);
          for (let at = 0; at + 8 <= length; at += 8) {
            // Pointers to somewhere near, back to themselves, or to nothing.
            bytes.writeBigUInt64LE(0xfffff80000000000n + BigInt(Math.floor(chance() * 64) * 16) + (address & 0xfn), at);
          }
          return Promise.resolve(bytes);
        },
      };
      const modules = await readKernelModules(memory, 0xfffff80000000000n);
      assert.ok(modules.length <= 4_096);
      assert.equal(await DebuggerData.read(memory, 0xfffff80000000000n), undefined);
    }
  });
});
