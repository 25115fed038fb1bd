import assert from 'node:assert/strict';
import fc from 'fast-check';
import { EventscopeError } from '../protocol/errors.js';
import { crc32 } from './crc32.js';
import {
  CHUNK_HEAD_BYTES,
  EvtraceStream,
  EvtraceWriter,
  FILE_HEAD_BYTES,
  decodeEvtrace,
  encodeEvtrace,
  type EvtraceReading,
} from './evtrace.js';
import { RecordingBuilder, type Recording, type RecordingStop, type SlotChunk } from './recording.js';

const anyRecording: fc.Arbitrary<Recording> = fc
  .record({
    chunks: fc.array(
      fc.record({
        source: fc.integer({ min: 0, max: 1 }),
        ring: fc.integer({ min: 0, max: 3 }),
        first: fc.bigInt({ min: 0n, max: 0xffff_ffff_ffffn }),
        lost: fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
        slots: fc.uint8Array({ minLength: 0, maxLength: 4 }),
      }),
      { maxLength: 6 },
    ),
    lines: fc.array(fc.string({ unit: 'binary' }), { maxLength: 4 }),
    title: fc.string({ unit: 'grapheme' }),
  })
  .map(({ chunks, lines, title }) => {
    const builder = new RecordingBuilder({
      target: 'wine',
      host: 'debian',
      versions: { eventscope: '0.1.0' },
      title,
      runs: [{ title, sources: [1, 0] }],
      startUtcMs: 1_700_000_000_000,
    });
    builder.addSource({ side: 'kernel', description: 'eventsys.sys', ringCount: 4, slotsPerRing: 64 });
    builder.addSource({ side: 'user', description: 'eventapp.exe', ringCount: 4, slotsPerRing: 64, process: 32 });
    for (const chunk of chunks) {
      const bytes = new Uint8Array(chunk.slots.length * 64);
      chunk.slots.forEach((value, slot) => bytes.fill(value, slot * 64, slot * 64 + 64));
      builder.slots(chunk.source, chunk.ring, chunk.first, chunk.lost, bytes);
    }
    lines.forEach((text, index) => builder.log({ utcMs: index, channel: 'dbgprint', text }));
    builder.sourceEnded(1, { lost: 7n, exitCode: 3, exitUtcMs: 1_700_000_000_500 });
    return builder.finish(1_700_000_001_000);
  });

/** Everything that a reader could tell apart, with views turned into plain bytes. */
const plain = (recording: Recording): unknown => ({
  ...recording,
  chunks: recording.chunks.map((chunk) => ({ ...chunk, bytes: [...chunk.bytes] })),
});

describe('.evtrace', () => {
  it('gives back what was written', () => {
    fc.assert(
      fc.property(anyRecording, (recording) => {
        const { recording: read, problems } = decodeEvtrace(encodeEvtrace(recording));
        assert.deepEqual(problems, []);
        assert.deepEqual(plain(read), plain(recording));
      }),
      { numRuns: 200 },
    );
  });

  it('reads the same in pieces of any size, whole, cut or damaged', () => {
    const piece = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 2_000 }));
    fc.assert(
      fc.property(anyRecording, fc.nat(), fc.boolean(), piece, (recording, place, cut, size) => {
        const whole = encodeEvtrace(recording);
        const bytes = cut ? whole.subarray(0, place % whole.length) : whole;
        if (!cut) bytes[place % bytes.length] = place & 0xff;
        const chunks: SlotChunk[] = [];
        const reading = attempt(() => {
          const stream = new EvtraceStream(bytes.length, (_source, chunk) => {
            chunks.push({ ...chunk, bytes: chunk.bytes.slice() });
            return 0;
          });
          for (let at = 0; at < bytes.length; at += size) stream.push(bytes.slice(at, at + size));
          return stream.finish();
        });
        const atOnce = attempt(() => decodeEvtrace(bytes));
        assert.equal(JSON.stringify(reading.problems), JSON.stringify(atOnce.problems));
        if (atOnce.recording === undefined) return;
        assert.deepEqual({ ...reading.recording, chunks }, atOnce.recording);
      }),
      { numRuns: 400 },
    );
  });

  it('of 10^12 promised events reads those that are there, and says how many are not', () => {
    const whole = encodeEvtrace(sample());
    const end = whole.lastIndexOf('D'.charCodeAt(0), whole.length - CHUNK_HEAD_BYTES - 20);
    const json = new TextEncoder().encode('{"slots":"1000000000000","dropped":{"slots":0,"lines":0}}');
    const bytes = new Uint8Array(end + CHUNK_HEAD_BYTES + json.length);
    bytes.set(whole.subarray(0, end + CHUNK_HEAD_BYTES));
    bytes.set(json, end + CHUNK_HEAD_BYTES);
    const view = new DataView(bytes.buffer);
    view.setUint32(end + 4, json.length, true);
    view.setUint32(end + 12, crc32(json), true);
    view.setUint32(end + 16, crc32(bytes.subarray(end, end + 16)), true);
    const { recording, problems } = decodeEvtrace(bytes);
    assert.deepEqual(
      recording.chunks.map(({ bytes: slots }) => slots.length / 64),
      [3, 2],
    );
    assert.deepEqual(
      problems.map(({ message }) => message.includes('5 of 1000000000000')),
      [true],
    );
  });

  it('detects any single byte that changed', () => {
    fc.assert(
      fc.property(anyRecording, fc.nat(), fc.integer({ min: 1, max: 255 }), (recording, place, change) => {
        const bytes = encodeEvtrace(recording);
        const at = place % bytes.length;
        bytes[at] = (bytes[at] ?? 0) ^ change;
        assert.notEqual(problemsOf(bytes).length, 0, `a change at byte ${at} went unseen`);
      }),
      { numRuns: 1_000 },
    );
  });

  it('detects every cut, reads up to it, and says how much is left out', () => {
    fc.assert(
      fc.property(anyRecording, fc.nat(), (recording, place) => {
        const whole = encodeEvtrace(recording);
        const bytes = whole.subarray(0, place % whole.length);
        const problems = problemsOf(bytes);
        assert.notEqual(problems.length, 0);
        if (bytes.length >= FILE_HEAD_BYTES) assert.match(problems[0]?.message ?? '', /cut|says nothing/);
        assert.ok(readOf(bytes).length <= recording.chunks.length);
        readOf(bytes).forEach((chunk, index) => assert.deepEqual(chunk.bytes, recording.chunks[index]?.bytes));
      }),
      { numRuns: 1_000 },
    );
  });

  it('never crashes with anything but its own error on bytes at random', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (tail) => {
        const head = encodeEvtrace(sample()).subarray(0, FILE_HEAD_BYTES);
        problemsOf(tail);
        problemsOf(Uint8Array.from([...head, ...tail]));
      }),
      { numRuns: 1_000 },
    );
  });

  it('leaves a damaged chunk out by its number and reads the rest', () => {
    const recording = sample();
    const writer = new EvtraceWriter();
    const pieces = [writer.begin(recording.metadata), ...recording.sources.map((source) => writer.source(source))];
    const damaged = pieces.length;
    for (const chunk of recording.chunks) pieces.push(writer.slots(chunk));
    pieces.push(writer.end());
    const spoiled = pieces[damaged];
    assert.ok(spoiled !== undefined);
    spoiled[CHUNK_HEAD_BYTES + 40] = (spoiled[CHUNK_HEAD_BYTES + 40] ?? 0) ^ 1;
    const { recording: read, problems } = decodeEvtrace(Buffer.concat(pieces));
    assert.equal(read.chunks.length, recording.chunks.length - 1);
    assert.match(problems[0]?.message ?? '', /Chunk 3 \(SLOT, at byte \d+\).*is damaged/);
    assert.match(problems[1]?.message ?? '', /fewer slots/);
  });

  it('says that a newer file is newer', () => {
    const bytes = encodeEvtrace(sample());
    const view = new DataView(bytes.buffer);
    view.setUint16(8, 2, true);
    view.setUint32(12, crc32(bytes.subarray(0, 12)), true);
    assert.throws(() => decodeEvtrace(bytes), /version 2, and this Eventscope reads version 1: the file is newer/);
  });

  it('does not believe lengths: a chunk of 4 GiB and 10^9 slots promised in a small file', () => {
    const bytes = encodeEvtrace(sample());
    const view = new DataView(bytes.buffer);
    view.setUint32(FILE_HEAD_BYTES + 4, 0xffff_fff0, true);
    view.setUint32(FILE_HEAD_BYTES + 16, crc32(bytes.subarray(FILE_HEAD_BYTES, FILE_HEAD_BYTES + 16)), true);
    assert.throws(() => decodeEvtrace(bytes), /wrong length \(4294967280\)/);
  });

  it('leaves out slots at a place that no ring comes to, from which nobody could count on', () => {
    const { metadata, sources, chunks } = sample();
    const writer = new EvtraceWriter();
    const pieces = [writer.begin(metadata), ...sources.map((source) => writer.source(source))];
    for (const [at, chunk] of chunks.entries())
      pieces.push(writer.slots(at === 0 ? { ...chunk, firstSlot: (1n << 53n) - 2n } : chunk));
    const bytes = Buffer.concat([...pieces, writer.end()]);
    const { recording, problems } = decodeEvtrace(bytes);
    assert.deepEqual(
      recording.chunks.map(({ source }) => source),
      [1],
    );
    assert.match(problems[0]?.message ?? '', /does not hold what it should: it names slot 9007199254740990, which/);
    assert.match(problems[1]?.message ?? '', /holds fewer slots than it was given: 2 of 5/);
  });

  it('of more stops than a reader takes keeps the last ones, and all else', () => {
    const stop = (at: number, reason: string): RecordingStop => ({ fromUtcMs: at, untilUtcMs: at + 1, reason });
    const stopped = (stops: readonly RecordingStop[]): Recording => {
      const recording = sample();
      const bytes = encodeEvtrace({ ...recording, metadata: { ...recording.metadata, stops } });
      const { recording: read, problems } = decodeEvtrace(bytes);
      assert.deepEqual(problems, []);
      assert.equal(read.chunks.length, recording.chunks.length);
      return read;
    };
    const many = Array.from({ length: 12_000 }, (_, at) => stop(at, 'step'));
    assert.deepEqual(stopped(many).metadata.stops, many.slice(-10_000));
    const long = Array.from({ length: 9_000 }, (_, at) => stop(at, '\u0001'.repeat(900)));
    const kept = stopped(long).metadata.stops ?? [];
    assert.ok(kept.length > 300);
    assert.deepEqual(kept, long.slice(-kept.length));
  });

  it('matches the published check value of CRC-32, in one piece and in two', () => {
    const digits = new TextEncoder().encode('123456789');
    assert.equal(crc32(digits), 0xcbf43926);
    assert.equal(crc32(digits.subarray(5), crc32(digits.subarray(0, 5))), 0xcbf43926);
  });
});

function sample(): Recording {
  const builder = new RecordingBuilder({ target: 'wine', host: 'debian', versions: {}, startUtcMs: 0 });
  builder.addSource({ side: 'kernel', description: 'eventsys.sys', ringCount: 1, slotsPerRing: 64 });
  builder.addSource({ side: 'user', description: 'eventapp.exe', ringCount: 1, slotsPerRing: 64 });
  builder.slots(0, 0, 0n, 0n, new Uint8Array(64 * 3).fill(5));
  builder.slots(1, 0, 0n, 0n, new Uint8Array(64 * 2).fill(6));
  return builder.finish(1);
}

/** What was read, or what was thrown as a problem. */
function attempt(read: () => EvtraceReading): Partial<EvtraceReading> {
  try {
    return read();
  } catch (error) {
    assert.ok(error instanceof EventscopeError, String(error));
    return { problems: [error] };
  }
}

/** Problems of a reading, whether it threw or not; any error that is not ours fails the test. */
function problemsOf(bytes: Uint8Array): readonly EventscopeError[] {
  try {
    return decodeEvtrace(bytes).problems;
  } catch (error) {
    assert.ok(error instanceof EventscopeError, String(error));
    return [error];
  }
}

function readOf(bytes: Uint8Array): Recording['chunks'] {
  try {
    return decodeEvtrace(bytes).recording.chunks;
  } catch (error) {
    assert.ok(error instanceof EventscopeError);
    return [];
  }
}
