import assert from 'node:assert/strict';
import { RECORD_OFFSET, TRACE_FLAG, TraceKind, TraceObjectType, decodeSlots } from '../../protocol/trace-layout.js';
import { generate } from '../generator.js';
import { RecordingBuilder } from '../recording.js';
import { RingWriter } from '../ring-writer.js';
import { buildModel, callerOf } from './model.js';
import { readRecords } from './record-reader.js';
import { Flag, Kind, ObjectType } from './records.js';

describe('records', () => {
  it('have the kinds and flags of the protocol', () => {
    const kinds = Object.fromEntries(Object.entries(Kind));
    for (const [name, value] of Object.entries(kinds)) assert.equal(TraceKind[value], name);
    assert.deepEqual(Object.values(Flag), Object.values(TRACE_FLAG));
    for (const [name, value] of Object.entries(ObjectType)) assert.equal(TraceObjectType[value], name);
  });

  it('are read as the protocol reads them, field by field', () => {
    const { recording } = generate({ seed: 11, span: 4e6 });
    const table = readRecords(recording);
    const expected = new Map<string, readonly bigint[]>();
    for (const { source, ring, firstSlot, bytes } of recording.chunks) {
      // Batches of the generator may cut a record in two; the protocol's decoder wants whole ones.
      try {
        decodeSlots(bytes, firstSlot, (record) => {
          expected.set(`${source}:${ring}:${record.slot}`, [record.object, record.caller, record.argument, record.tsc]);
        });
      } catch (error) {
        assert.match(String(error), /cut|sequence|slots/);
      }
    }
    let compared = 0;
    for (let index = 0; index < table.count; index += 1) {
      const known = expected.get(`${table.source[index] ?? 0}:${table.ring[index] ?? 0}:${table.slot[index] ?? 0}`);
      if (known === undefined) continue;
      compared += 1;
      const tsc = (table.base[table.source[index] ?? 0] ?? 0n) + BigInt(table.time[index] ?? 0);
      const words = [table.object, table.caller, table.argument].map((column) =>
        table.words.toBigInt(column[index] ?? 0),
      );
      assert.deepEqual([...words, tsc], known);
    }
    assert.ok(compared > 200);
    assert.equal(RECORD_OFFSET.sequence, 60);
  });

  it('are the same wherever their bytes lie, in a buffer of Node too', () => {
    const { recording } = generate({ seed: 12, span: 4e6 });
    const expected = readRecords(recording);
    assert.ok(expected.count > 200);
    for (const offset of [0, 1, 2, 3, 8]) {
      const chunks = recording.chunks.map((chunk) => {
        const room = Buffer.from(new ArrayBuffer(chunk.bytes.length + offset));
        room.set(chunk.bytes, offset);
        return { ...chunk, bytes: room.subarray(offset) };
      });
      const table = readRecords({ ...recording, chunks });
      assert.deepEqual([table.count, table.gaps], [expected.count, expected.gaps], `at ${offset}`);
      for (const column of ['time', 'object', 'caller', 'argument', 'thread', 'kind', 'duration'] as const)
        assert.deepEqual(table[column].subarray(0, table.count), expected[column].subarray(0, table.count), column);
    }
  });

  it('that were overwritten in part become a gap, and the rest is read', () => {
    const builder = builderOfOne();
    const ring = new RingWriter();
    for (let index = 0; index < 10; index += 1)
      ring.write({ kind: Kind.Note, tsc: BigInt(index), process: 1, thread: 2 });
    const bytes = ring.bytes.slice();
    bytes[4 * 64 + 60] = 0;
    builder.slots(0, 0, 0n, 0n, bytes);
    const { records, gaps } = buildModel(builder.finish());
    assert.equal(records.count, 9);
    assert.deepEqual(
      gaps.map(({ count, reason, after, before }) => ({ count, reason, after, before })),
      [{ count: 1, reason: 'damaged', after: 3, before: 4 }],
    );
  });

  it('of slots that never came become a gap with their number', () => {
    const builder = builderOfOne();
    const ring = new RingWriter();
    for (let index = 0; index < 10; index += 1)
      ring.write({ kind: Kind.Note, tsc: BigInt(index), process: 1, thread: 2 });
    builder.slots(0, 0, 7n, 0n, ring.bytes.subarray(7 * 64));
    builder.slots(0, 0, 0n, 0n, ring.bytes.subarray(0, 3 * 64));
    const { gaps } = buildModel(builder.finish());
    assert.deepEqual(
      gaps.map(({ count, unit, reason }) => ({ count, unit, reason })),
      [{ count: 4, unit: 'slots', reason: 'missing' }],
    );
  });

  it('end waits at the moment of their end, however long they took', () => {
    const builder = builderOfOne();
    const ring = new RingWriter();
    // 3 GHz: 10 us, and 3 s, whose duration does not fit its 32 bits; the last one's beginning was lost.
    const waits = [
      { begin: 1_000n, end: 31_000n },
      { begin: 100_000n, end: 9_000_100_000n },
      { begin: undefined, end: 20_000_000_000n },
    ];
    for (const { begin, end } of waits) {
      if (begin !== undefined) ring.write({ kind: Kind.WaitBegin, tsc: begin, object: 4n, process: 1, thread: 2 });
      const duration = Number(end - (begin ?? 0n));
      ring.write({ kind: Kind.WaitEnd, tsc: end, object: 4n, duration, process: 1, thread: 2 });
    }
    builder.slots(0, 0, 0n, 0n, ring.bytes);
    const model = buildModel(builder.finish());
    const took = [0, 1].map((wait) => (model.waits.end[wait] ?? 0) - (model.waits.begin[wait] ?? 0));
    assert.deepEqual(
      took.map((ns) => Math.round(ns)),
      [10_000, 3_000_000_000],
    );
    assert.equal(model.waits.count, 3);
    assert.equal(model.waits.beginRecord[2], -1);
    assert.ok(Math.abs((model.waits.end[2] ?? 0) - 19_999_999_000 / 3) < 1);
    assert.equal(model.end, model.waits.end[2]);
  });

  it('give an end to the innermost wait that can have lasted so long', () => {
    const builder = builderOfOne();
    const ring = new RingWriter();
    const flags = Flag.Alertable;
    ring.write({ kind: Kind.WaitBegin, tsc: 0n, object: 4n, flags, process: 1, thread: 2 });
    ring.write({ kind: Kind.WaitBegin, tsc: 9_000_000_000n, object: 8n, process: 1, thread: 2 });
    ring.write({
      kind: Kind.WaitEnd,
      tsc: 9_000_003_000n,
      object: 4n,
      duration: 9e9,
      status: 0xc0,
      process: 1,
      thread: 2,
    });
    builder.slots(0, 0, 0n, 0n, ring.bytes);
    const { waits } = buildModel(builder.finish());
    assert.deepEqual([...waits.endRecord], [2, -1]);
  });

  it('name their caller by module and offset', () => {
    const builder = builderOfOne();
    const ring = new RingWriter();
    const module = { kind: Kind.Module, object: 0x14000_0000n, argument: 0x5000n, text: 'eventapp.exe' };
    ring.write({ ...module, tsc: 1n, process: 1, thread: 2 });
    ring.write({ kind: Kind.Set, tsc: 2n, object: 4n, caller: 0x14000_1234n, process: 1, thread: 2 });
    ring.write({ kind: Kind.Set, tsc: 3n, object: 4n, caller: 0x7fff_0000n, process: 1, thread: 2 });
    builder.slots(0, 0, 0n, 0n, ring.bytes);
    const model = buildModel(builder.finish());
    assert.equal(callerOf(model, 1), 'eventapp.exe+0x1234');
    assert.equal(callerOf(model, 2), '0x7fff0000');
  });
});

function builderOfOne(): RecordingBuilder {
  const builder = new RecordingBuilder({ target: 't', host: 'h', versions: {}, startUtcMs: 0 });
  builder.addSource({ side: 'user', description: 'app.exe', process: 1, session: 1, ringCount: 1, slotsPerRing: 64 });
  return builder;
}
