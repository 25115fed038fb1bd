import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  decodeDrainHeader,
  decodeSlots,
  ES_TRACE_SLOT_BYTES,
  MalformedTraceError,
  payloadObjects,
  payloadText,
  RECORD_OFFSET,
  TRACE_FLAG,
  TraceKind,
  type TraceRecord,
} from './trace-layout.js';

interface Written {
  readonly kind: number;
  readonly payload?: Uint8Array;
  readonly object?: bigint;
}

/** Slots as a writer of eventscope_trace.h leaves them. */
function write(firstSlot: bigint, records: readonly Written[]): Buffer {
  const slots: Buffer[] = [];
  for (const { kind, payload = new Uint8Array(0), object = 0n } of records) {
    const count = 1 + Math.ceil(payload.length / 60);
    for (let index = 0; index < count; index++) {
      const slot = Buffer.alloc(ES_TRACE_SLOT_BYTES);
      if (index === 0) {
        slot.writeBigUInt64LE(object, RECORD_OFFSET.object);
        slot.writeInt32LE(-1073741772, RECORD_OFFSET.status); // 0xC0000034
        slot.writeUInt16LE(kind, RECORD_OFFSET.kind);
        slot.writeUInt16LE(0xffff, RECORD_OFFSET.processor);
        slot.writeUInt8(0xff, RECORD_OFFSET.irql);
        slot.writeUInt8(1, RECORD_OFFSET.previous);
        slot.writeUInt8(count, RECORD_OFFSET.slots);
        slot.writeUInt8(TRACE_FLAG.KERNEL, RECORD_OFFSET.flags);
      } else {
        slot.set(payload.subarray((index - 1) * 60, index * 60));
      }
      slot.writeUInt32LE(Number(BigInt.asUintN(32, firstSlot + BigInt(slots.length) + 1n)), RECORD_OFFSET.sequence);
      slots.push(slot);
    }
  }
  return Buffer.concat(slots);
}

function read(bytes: Uint8Array, firstSlot: bigint): TraceRecord[] {
  const records: TraceRecord[] = [];
  decodeSlots(bytes, firstSlot, (record) => records.push(record));
  return records;
}

const utf16 = (text: string): Uint8Array => Buffer.from(text, 'utf16le');

describe('trace slots', () => {
  it('are read as whole records, unknown facts as undefined', () => {
    const name = '\\BaseNamedObjects\\A name that needs more than one slot of payload, as it is long';
    const records = read(
      write(5n, [
        { kind: TraceKind.Set, object: 0xffff_8000_0000_1000n },
        { kind: TraceKind.Open, payload: utf16(name) },
        { kind: TraceKind.WaitEnd },
      ]),
      5n,
    );
    assert.deepEqual(
      records.map(({ kind, slot }) => [kind, slot]),
      [
        [TraceKind.Set, 5n],
        [TraceKind.Open, 6n],
        [TraceKind.WaitEnd, 10n],
      ],
    );
    const [set, open] = records;
    assert.equal(set?.object, 0xffff_8000_0000_1000n);
    assert.equal(set.status >>> 0, 0xc000_0034);
    assert.equal(set.processor, undefined);
    assert.equal(set.irql, undefined);
    assert.equal(set.previous, 1);
    assert.equal(payloadText(open?.payload ?? new Uint8Array(0)), name);
  });

  it('go on past 2^32 slots, where the sequence starts over', () => {
    const first = (1n << 32n) - 2n;
    const records = read(
      write(first, [{ kind: 10 }, { kind: 10, payload: utf16('over the edge') }, { kind: 31 }]),
      first,
    );
    assert.deepEqual(
      records.map(({ slot }) => slot),
      [first, first + 1n, first + 3n],
    );
  });

  it('of a wait list its objects', () => {
    const list = Buffer.alloc(24);
    list.writeBigUInt64LE(0x40n, 0);
    list.writeBigUInt64LE(0x44n, 8);
    list.writeBigUInt64LE(0x48n, 16);
    const [wait] = read(write(0n, [{ kind: TraceKind.WaitBegin, payload: list }]), 0n);
    assert.deepEqual(payloadObjects(wait?.payload ?? new Uint8Array(0)), [0x40n, 0x44n, 0x48n]);
  });

  it('that are not what a writer writes are refused, after the good ones before them', () => {
    const good = write(0n, [{ kind: 10 }, { kind: 60, payload: utf16('name') }]);
    const changed = (offset: number, value: number): Buffer => {
      const copy = Buffer.from(good);
      copy.writeUInt8(value, offset);
      return copy;
    };
    const bad: [string, Buffer, number][] = [
      ['a cut slot', good.subarray(0, 100), 0],
      ['a cut record', good.subarray(0, 128), 1],
      ['a sequence of another slot', changed(RECORD_OFFSET.sequence, 9), 0],
      ['a continuation of another record', changed(128 + 60, 9), 1],
      ['no slots', changed(64 + RECORD_OFFSET.slots, 0), 1],
      ['too many slots', changed(64 + RECORD_OFFSET.slots, 13), 1],
      ['an unknown kind', changed(64 + RECORD_OFFSET.kind, 200), 1],
      ['no kind', changed(RECORD_OFFSET.kind, 0), 0],
    ];
    for (const [what, bytes, before] of bad) {
      const records: TraceRecord[] = [];
      assert.throws(() => decodeSlots(bytes, 0n, (record) => records.push(record)), MalformedTraceError, what);
      assert.equal(records.length, before, what);
    }
  });

  it('never make the decoder throw anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 640 }), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), (bytes, first) => {
        try {
          read(bytes, first);
        } catch (error) {
          assert.ok(error instanceof MalformedTraceError, String(error));
        }
      }),
    );
  });
});

describe('answer of a drain', () => {
  it('tells its ring and slots, and is refused when shorter than it says', () => {
    const answer = Buffer.alloc(32 + 64);
    answer.writeUInt32LE(1, 0);
    answer.writeUInt32LE(3, 4);
    answer.writeUInt32LE(1, 8);
    answer.writeUInt32LE(1, 12);
    answer.writeBigUInt64LE(77n, 16);
    answer.writeBigUInt64LE(2n, 24);
    assert.deepEqual(decodeDrainHeader(answer), { ring: 3, slotCount: 1, more: true, firstSlot: 77n, lost: 2n });
    assert.throws(() => decodeDrainHeader(answer.subarray(0, 95)), RangeError);
    assert.throws(() => decodeDrainHeader(answer.subarray(0, 31)), RangeError);
    answer.writeUInt32LE(2, 0);
    assert.throws(() => decodeDrainHeader(answer), /version 2/);
  });
});
