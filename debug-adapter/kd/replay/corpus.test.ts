import assert from 'node:assert/strict';
import { describePacket } from '../describe-packet.js';
import { PacketType } from '../link/packet.js';
import { decodeManipulate } from '../protocol/manipulate.js';
import { decodeStateChange } from '../protocol/state-change.js';
import { decodeRecording, type DecodedRecording, readRecording } from './recording.js';
import { kdRecording, withRecordings } from './test-recordings.js';

const decode = (name: 'boot' | 'live'): Promise<DecodedRecording> => decodeRecording(readRecording(kdRecording(name)));

function count(recording: DecodedRecording, direction: 'host' | 'target', type: PacketType): number {
  return recording.packets.filter(
    ({ direction: from, packet }) => from === direction && packet !== 'break-in' && packet.type === type,
  ).length;
}

withRecordings('recordings of a real NT-like kernel', () => {
  for (const name of ['boot', 'live'] as const) {
    it(`${name}: every byte belongs to a packet, and every packet is understood`, async () => {
      const recording = await decode(name);
      assert.deepEqual(
        { noise: recording.noise, damaged: recording.damaged, unfinished: recording.unfinished },
        { noise: 0, damaged: 0, unfinished: 0 },
      );
      for (const { direction, packet } of recording.packets) {
        if (packet === 'break-in') continue;
        const description = describePacket(packet, direction);
        assert.ok(description.known, description.text);
      }
    });
  }

  it('boot.jsonl: 62 modules are reported, text is printed, the version is asked for', async () => {
    const recording = await decode('boot');
    const loads = recording.packets.flatMap(({ packet }) => {
      if (packet === 'break-in' || packet.type !== PacketType.StateChange64) return [];
      const stop = decodeStateChange(packet.payload);
      return stop?.kind === 'loadSymbols' ? [stop] : [];
    });
    assert.equal(loads.length, 62);
    assert.ok(loads.some((load) => load.path.endsWith('\\ntoskrnl.exe') && load.base === 0xfffff80000400000n));
    assert.ok(count(recording, 'target', PacketType.DebugIo) >= 500);
  });

  it('live.jsonl: requests and replies pair up', async () => {
    const recording = await decode('live');
    const apis = (direction: 'host' | 'target'): number[] =>
      recording.packets.flatMap(({ direction: from, packet }) => {
        if (from !== direction || packet === 'break-in' || packet.type !== PacketType.StateManipulate) return [];
        const message = decodeManipulate(packet.payload);
        return message === undefined || [0x3136, 0x313c, 0x3150].includes(message.apiNumber) ? [] : [message.apiNumber];
      });
    assert.deepEqual(apis('target'), apis('host'));
    assert.ok(apis('target').length > 50);
  });
});
