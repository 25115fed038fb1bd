/** Trace rings through the agent: what a program and a driver wrote is what arrives, whole and in order. */
import assert from 'node:assert/strict';
import { BulkKind, type BulkHead } from '../../protocol/agent-wire.js';
import { EventscopeError } from '../../protocol/errors.js';
import type { AgentClient } from '../../target/agent-client.js';
import { agentMachine, startAgent, startProbe } from './agent/agent-machine.js';

const SLOT = 64;
const KIND_CALIBRATION = 1;
const KIND_SET = 10;
const KIND_NOTE = 63;

interface TraceRecord {
  readonly kind: number;
  readonly slots: number;
  readonly process: number;
  readonly text: string;
}

/** Puts a ring's slots together again, and checks all that the layout promises. */
class RingReader {
  readonly records: TraceRecord[] = [];
  #next = 0n;

  take(head: BulkHead, slots: Buffer): void {
    assert.equal(head.first, this.#next, 'no slot is missing between two frames');
    assert.equal(BigInt(slots.length), head.count * BigInt(SLOT));
    for (let at = 0; at < slots.length;) {
      const count = slots.readUInt8(at + 58);
      assert.ok(count >= 1 && at + count * SLOT <= slots.length, 'a frame never cuts a record');
      let text = '';
      for (let slot = 0; slot < count; slot++) {
        const sequence = slots.readUInt32LE(at + slot * SLOT + 60);
        assert.equal(sequence, Number((this.#next + BigInt(slot) + 1n) & 0xffff_ffffn));
        if (slot > 0) text += slots.toString('utf16le', at + slot * SLOT, at + slot * SLOT + 60);
      }
      this.records.push({
        kind: slots.readUInt16LE(at + 52),
        slots: count,
        process: slots.readUInt32LE(at + 32),
        text: text.replace(/\0+$/, ''),
      });
      this.#next += BigInt(count);
      at += count * SLOT;
    }
  }

  get slots(): bigint {
    return this.#next;
  }
}

class TraceReader {
  readonly rings = new Map<string, RingReader>();
  lost = 0n;
  #sequences = new Map<number, bigint>();

  readonly take = (head: BulkHead, data: Uint8Array): void => {
    assert.equal(head.kind, BulkKind.TraceSlots);
    assert.equal(head.sequence, this.#sequences.get(head.source) ?? 0n);
    this.#sequences.set(head.source, head.sequence + 1n);
    const bytes = Buffer.from(data);
    const key = `${head.source}/${bytes.readUInt32LE(0)}`;
    const ring = this.rings.get(key) ?? new RingReader();
    this.rings.set(key, ring);
    ring.take(head, bytes.subarray(8));
  };

  get records(): TraceRecord[] {
    return [...this.rings.values()].flatMap((ring) => ring.records);
  }

  slotsOf(source: number): bigint {
    return [...this.rings].reduce((sum, [key, ring]) => sum + (key.startsWith(`${source}/`) ? ring.slots : 0n), 0n);
  }
}

let client: AgentClient;

async function recordProbe(
  args: readonly string[],
  ring: { ringCount: number; slotsPerRing: number },
): Promise<{ reader: TraceReader; process: number; slots: bigint; lost: bigint; error: string | undefined }> {
  const reader = new TraceReader();
  const opened = client.openStream(reader.take);
  const started = await client.request('trace/start', {
    stream: opened.stream,
    sources: [{ type: 'application', ...ring }],
  });
  const section = started.sources[0]?.sectionName;
  assert.match(section ?? '', /^Local\\Eventscope-Trace-/);
  const probe = await startProbe(client, ['records', ...args], {
    environment: { EVENTSCOPE_TRACE_SECTION: section ?? '' },
  });
  assert.equal(await probe.exited, 0);
  const stopped = await client.request('trace/stop', { stream: opened.stream });
  opened.close();
  const [source] = stopped.sources;
  assert.ok(source !== undefined);
  return { reader, process: probe.process, slots: source.slots, lost: source.lost, error: source.error };
}

describe('the agent: traces', function () {
  this.timeout(120_000);

  before(async () => {
    client = await (await startAgent()).connect();
  });
  after(() => client.close());

  it('drains an application, records of one and of several slots, none lost', async () => {
    const { reader, process, slots, lost, error } = await recordProbe(['20000', '3'], {
      ringCount: 4,
      slotsPerRing: 65_536,
    });
    assert.equal(error, undefined);
    assert.equal(lost, 0n);
    assert.equal(reader.slotsOf(0), slots);
    const notes = reader.records.filter(({ kind }) => kind === KIND_NOTE);
    const sets = reader.records.filter(({ kind }) => kind === KIND_SET);
    assert.equal(notes.length, Math.ceil(20_000 / 3));
    assert.equal(sets.length, 20_000 - notes.length);
    notes.forEach((note, index) => {
      const text = Array.from({ length: 1 + (index % 48) }, (_, at) => String.fromCharCode(97 + (at % 26))).join('');
      assert.equal(note.text, text);
      assert.equal(note.slots, 1 + Math.ceil((text.length * 2) / 60));
    });
    assert.ok(reader.records.every((record) => record.process === process));
    assert.equal(reader.records[0]?.kind, KIND_CALIBRATION);
  });

  it('counts what a ring that is too small has lost: arrived and lost are what was written', async () => {
    const { reader, slots, lost, error } = await recordProbe(['400000', '0'], { ringCount: 1, slotsPerRing: 64 });
    assert.equal(error, undefined);
    assert.equal(reader.slotsOf(0), slots);
    assert.ok(lost > 0n);
    const sets = reader.records.filter(({ kind }) => kind === KIND_SET).length;
    const others = reader.records.length - sets;
    // The module, calibration and the like may be among the lost.
    assert.ok(BigInt(sets) + lost >= 400_000n && BigInt(sets) + lost <= 400_000n + 8n + BigInt(others));
  });

  it('takes nothing out of a ring without credit', async () => {
    // A stream number that the client never opened has no credit.
    const stream = 77_000;
    const started = await client.request('trace/start', {
      stream,
      sources: [{ type: 'application', ringCount: 1, slotsPerRing: 64 }],
    });
    const probe = await startProbe(client, ['records', '5000', '0'], {
      environment: { EVENTSCOPE_TRACE_SECTION: started.sources[0]?.sectionName ?? '' },
    });
    assert.equal(await probe.exited, 0);
    const stopping = client.request('trace/stop', { stream });
    await client.request('stream/credit', { stream, bytes: 1_000_000 });
    const [source] = (await stopping).sources;
    // The ring was filled once and never emptied until the credit came.
    assert.ok(source !== undefined && source.error === undefined);
    assert.ok(source.slots > 32n && source.slots <= 64n, String(source.slots));
    assert.ok(source.slots + source.lost >= 5_000n);
  });

  it('goes round a ring many times and keeps what a killed application has written', async () => {
    const reader = new TraceReader();
    const opened = client.openStream(reader.take);
    const started = await client.request('trace/start', {
      stream: opened.stream,
      sources: [{ type: 'application', ringCount: 2, slotsPerRing: 4_096 }],
    });
    const section = started.sources[0]?.sectionName ?? '';
    const probe = await startProbe(client, ['records', '1000000000', '5'], {
      environment: { EVENTSCOPE_TRACE_SECTION: section },
    });
    while (reader.records.length < 10_000) await new Promise((next) => setTimeout(next, 20));
    await client.request('process/end', { process: probe.process, exitCode: 1 });
    await probe.exited;
    const [source] = (await client.request('trace/stop', { stream: opened.stream })).sources;
    opened.close();
    assert.equal(source?.slots, reader.slotsOf(0));
  });

  it('drains a driver and an application on one stream', async () => {
    const machine = await agentMachine();
    const name = 'agentprobetrace';
    await client.request('service/create', { name, displayName: name, binaryPath: machine.driver });
    await client.request('service/start', { name, timeoutMs: 20_000 });
    try {
      const device = '\\\\.\\AgentProbe';
      const reader = new TraceReader();
      const opened = client.openStream(reader.take);
      const started = await client.request('trace/start', {
        stream: opened.stream,
        sources: [
          { type: 'driver', device, slotsPerRing: 4_096 },
          { type: 'application', ringCount: 1, slotsPerRing: 4_096 },
        ],
      });
      assert.equal(started.sources[0]?.slotsPerRing, 4_096);
      assert.ok(started.qpcFrequency > 0n);
      const signal = (0x22 << 16) | (0x804 << 2);
      for (let round = 0; round < 3; round++) {
        const input = Buffer.from([0xe8, 3, 0, 0]);
        const done = await client.request('device/control', {
          device,
          code: signal,
          input,
          outputBytes: 0,
          timeoutMs: 9_000,
        });
        assert.equal(done.status, 0);
      }
      const probe = await startProbe(client, ['records', '100', '0'], {
        environment: { EVENTSCOPE_TRACE_SECTION: started.sources[1]?.sectionName ?? '' },
      });
      assert.equal(await probe.exited, 0);
      const { sources } = await client.request('trace/stop', { stream: opened.stream });
      opened.close();
      assert.deepEqual(
        sources.map(({ error, lost }) => [error, lost]),
        [
          [undefined, 0n],
          [undefined, 0n],
        ],
      );
      assert.deepEqual([reader.slotsOf(0), reader.slotsOf(1)], [sources[0]?.slots, sources[1]?.slots]);
      const setsOf = (source: number): number =>
        [...reader.rings]
          .filter(([key]) => key.startsWith(`${source}/`))
          .flatMap(([, ring]) => ring.records)
          .filter(({ kind }) => kind === KIND_SET).length;
      assert.deepEqual([setsOf(0), setsOf(1)], [3_000, 100]);
    } finally {
      await client.request('service/stop', { name, timeoutMs: 20_000 });
      await client.request('service/delete', { name });
    }
  });

  it('says what is wrong with a source, and leaves nothing of the others', async () => {
    const opened = client.openStream(() => undefined);
    const start = (sources: Parameters<typeof client.request<'trace/start'>>[1]['sources']) =>
      client.request('trace/start', { stream: opened.stream, sources });
    await assert.rejects(
      start([
        { type: 'application', ringCount: 1, slotsPerRing: 64 },
        { type: 'driver', device: '\\\\.\\NoSuch', slotsPerRing: 0 },
      ]),
      (error) => error instanceof EventscopeError && error.data['call'] === 'CreateFileW' && error.data['code'] === 2,
    );
    await assert.rejects(start([{ type: 'application', ringCount: 1, slotsPerRing: 100 }]), /power of two/);
    await assert.rejects(start([{ type: 'application', ringCount: 1_024, slotsPerRing: 1 << 20 }]), /1 GiB/);
    await assert.rejects(client.request('trace/stop', { stream: opened.stream }), /carries no trace/);
    await start([{ type: 'application', ringCount: 1, slotsPerRing: 64 }]);
    await assert.rejects(start([{ type: 'application', ringCount: 1, slotsPerRing: 64 }]), /carries a trace already/);
    await client.request('trace/stop', { stream: opened.stream });
    opened.close();
  });
});
