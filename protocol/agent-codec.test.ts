import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  AgentWireError,
  decodeBulk,
  decodeControl,
  decodeGreeting,
  decodeGreetingAnswer,
  decodePacked,
  encodeBulkFrameHead,
  encodeControl,
  encodeFrameHead,
  encodeGreeting,
  encodeGreetingAnswer,
  encodePacked,
  FrameDecoder,
  type Frame,
} from './agent-codec.js';
import { BulkKind, FrameType, GreetingStatus, MAX_BULK_BYTES, MAX_CONTROL_BYTES, TOKEN_BYTES } from './agent-wire.js';

function concat(pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces));
}

function decodeAll(chunks: readonly Uint8Array[]): Frame[] {
  const frames: Frame[] = [];
  const decoder = new FrameDecoder();
  for (const chunk of chunks) {
    decoder.push(chunk, (frame) => frames.push(frame));
  }
  decoder.end();
  return frames;
}

function wireError(reason: AgentWireError['reason']): (error: unknown) => boolean {
  return (error) => error instanceof AgentWireError && error.reason === reason;
}

/** Cuts bytes at the given fractions. */
function cut(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const places = [0, ...at.map((x) => x % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}

const u64 = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });
const bulkHead = fc.record({
  stream: fc.nat(0xffff_ffff),
  kind: fc.constantFrom(BulkKind.TraceSlots, BulkKind.FileBytes, BulkKind.DirectoryEntries),
  source: fc.nat(0xffff),
  sequence: u64,
  count: u64,
  lost: u64,
  first: u64,
});

describe('agent codec', () => {
  it('gives the same frames however the stream is cut', () => {
    const control = fc.record({
      method: fc.string(),
      params: fc.record({ a: u64, b: fc.uint8Array(), c: fc.string() }),
    });
    const item = fc.oneof(
      control.map((message) => ({ control: { jsonrpc: '2.0', id: 1, ...message } })),
      fc.record({ head: bulkHead, data: fc.uint8Array({ maxLength: 300 }) }),
    );
    fc.assert(
      fc.property(fc.array(item, { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 20 }), (items, cuts) => {
        const bytes = concat(
          items.flatMap((x) =>
            'control' in x ? [encodeControl(x.control)] : [encodeBulkFrameHead(x.head, x.data.length), x.data],
          ),
        );
        const seen = decodeAll(cut(bytes, cuts)).map((frame) => {
          if (frame.type === FrameType.Control) {
            return { control: decodeControl(frame.payload) };
          }
          const { head, data } = decodeBulk(frame.payload);
          return { head, data: new Uint8Array(data) };
        });
        assert.deepEqual(
          seen.map((x) => JSON.stringify(x, plain)),
          items.map((x) => JSON.stringify(x, plain)),
        );
      }),
    );
  });

  it('says so when the stream ends inside a frame, at every place', () => {
    const bytes = concat([
      encodeBulkFrameHead(
        { stream: 1, kind: BulkKind.FileBytes, source: 0, sequence: 0n, count: 3n, lost: 0n, first: 0n },
        3,
      ),
      new Uint8Array([1, 2, 3]),
    ]);
    for (let length = 1; length < bytes.length; length++) {
      const decoder = new FrameDecoder();
      decoder.push(bytes.subarray(0, length), () => assert.fail('no whole frame came'));
      assert.throws(() => decoder.end(), wireError('cut'));
    }
    assert.equal(decodeAll([bytes]).length, 1);
  });

  it('refuses an oversized frame by its head alone', () => {
    for (const [type, limit] of [
      [FrameType.Control, MAX_CONTROL_BYTES],
      [FrameType.Bulk, MAX_BULK_BYTES],
    ] as const) {
      const head = encodeFrameHead(type, limit);
      new FrameDecoder().push(head, () => assert.fail());
      new DataView(head.buffer).setUint32(0, limit + 1, true);
      assert.throws(() => new FrameDecoder().push(head, () => assert.fail()), wireError('oversized'));
      assert.throws(() => encodeFrameHead(type, limit + 1), wireError('oversized'));
    }
  });

  it('refuses frames of an unknown type, with reserved bytes, too short, or empty', () => {
    const refused = (bytes: number[], reason: AgentWireError['reason']): void =>
      assert.throws(() => new FrameDecoder().push(new Uint8Array(bytes), () => assert.fail()), wireError(reason));
    refused([4, 0, 0, 0, 0, 0, 0, 0], 'unknown');
    refused([4, 0, 0, 0, 3, 0, 0, 0], 'unknown');
    refused([4, 0, 0, 0, 1, 0, 1, 0], 'unknown');
    refused([39, 0, 0, 0, 2, 0, 0, 0], 'malformed');
    refused([0, 0, 0, 0, 1, 0, 0, 0], 'malformed');
    const bulk = new Uint8Array(40);
    bulk[4] = 99;
    assert.throws(() => decodeBulk(bulk), wireError('unknown'));
  });

  it('refuses control frames that hold no JSON-RPC message, whatever the bytes', () => {
    assert.throws(() => decodeControl(encodePacked([1, 2])), wireError('malformed'));
    assert.throws(() => decodeControl(encodePacked({ jsonrpc: '1.0' })), wireError('malformed'));
    assert.throws(() => decodeControl(new Uint8Array([0xc1])), wireError('malformed'));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          decodeControl(bytes);
        } catch (error) {
          assert.ok(error instanceof AgentWireError);
        }
      }),
    );
  });

  it('keeps 64-bit integers bigint, and small numbers number', () => {
    const value = { big: 5n, bigger: 0xffff_ffff_ffff_ffffn, negative: -(2n ** 63n), small: 5, time: 2 ** 41 + 0.5 };
    assert.deepEqual(decodePacked(encodePacked(value)), value);
    assert.deepEqual(decodePacked(encodePacked({ here: 1, gone: undefined })), { here: 1 });
  });

  it('reads its own greetings and no others', () => {
    const token = new Uint8Array(TOKEN_BYTES).map((_, i) => i);
    assert.deepEqual(decodeGreeting(encodeGreeting(token, 7)), { version: 7, token });
    assert.throws(() => encodeGreeting(new Uint8Array(31)), RangeError);
    assert.equal(decodeGreeting(new Uint8Array(40)), undefined);
    assert.equal(decodeGreeting(encodeGreeting(token).subarray(1)), undefined);
    assert.equal(decodeGreetingAnswer(encodeGreetingAnswer(GreetingStatus.Busy))?.status, GreetingStatus.Busy);
    assert.equal(decodeGreetingAnswer(new Uint8Array(16)), undefined);
  });
});

function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') {
    return `${value}n`;
  }
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
}
