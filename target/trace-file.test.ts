import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { EventscopeError } from '../protocol/errors.js';
import { RecordingBuilder } from '../trace/recording.js';
import {
  defaultTraceFile,
  KEPT_TRACES,
  newTraceFile,
  readTrace,
  readTraceMetadata,
  writeTrace,
  writeWhole,
} from './trace-file.js';

describe('trace files', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'eventscope-trace-file-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('come back as they were written', async () => {
    const builder = new RecordingBuilder({ target: 'wine', host: 'here', versions: {}, startUtcMs: 5 });
    const source = builder.addSource({ side: 'kernel', description: 'eventsys', ringCount: 1, slotsPerRing: 64 });
    builder.slots(source, 0, 0n, 0n, new Uint8Array(128).fill(7));
    const file = path.join(folder, 'deep', 'run.evtrace');
    await writeTrace(file, builder.finish(9));
    const { recording, problems } = await readTrace(file);
    assert.deepEqual(problems, []);
    assert.equal(recording.metadata.endUtcMs, 9);
    assert.deepEqual(
      recording.chunks.map((chunk) => Array.from(chunk.bytes)),
      [Array<number>(128).fill(7)],
    );
  });

  it('stay as they were when the new one cannot be written', async () => {
    const file = path.join(folder, 'taken');
    await writeWhole(path.join(file, 'inside'), 'old');
    await assert.rejects(writeWhole(file, 'new'), (error: unknown) => {
      assert.ok(error instanceof EventscopeError);
      assert.equal(error.id, 'file.write');
      return true;
    });
    assert.equal(await readFile(path.join(file, 'inside'), 'utf8'), 'old');
    assert.deepEqual(await readdir(folder), ['taken']);
  });

  it('that are none say so, with what to do next', async () => {
    const file = path.join(folder, 'no.evtrace');
    await assert.rejects(
      readTrace(file),
      (error: unknown) => error instanceof EventscopeError && error.id === 'file.read',
    );
    await writeFile(file, 'something else');
    await assert.rejects(
      readTrace(file),
      (error: unknown) => error instanceof EventscopeError && error.next !== undefined,
    );
  });

  it('without --out are kept up to a number, the newest ones', async () => {
    const at = (second: number): Date => new Date(Date.UTC(2026, 0, 1, 0, 0, second));
    const files: string[] = [];
    for (let second = 0; second < KEPT_TRACES + 2; second++) {
      const file = await newTraceFile(folder, 'run', at(second));
      await writeWhole(file, 'x');
      files.push(path.basename(file));
    }
    assert.deepEqual((await readdir(path.join(folder, 'traces'))).sort(), files.slice(2));
  });

  it('of one second do not take the place of one another', async () => {
    const at = new Date(Date.UTC(2026, 0, 1));
    const files: string[] = [];
    for (let run = 0; run < 3; run++) {
      const file = await newTraceFile(folder, 'run', at);
      await writeWhole(file, String(run));
      files.push(file);
    }
    assert.deepEqual(await Promise.all(files.map((file) => readFile(file, 'utf8'))), ['0', '1', '2']);
  });

  it('that have no place say so, with what to do next', async () => {
    const file = path.join(folder, 'file');
    await writeFile(file, '');
    await assert.rejects(
      newTraceFile(file, 'run', new Date()),
      (error: unknown) => error instanceof EventscopeError && error.id === 'file.write' && error.next !== undefined,
    );
  });

  it('tell what took part by their beginning, however often the debugger stopped', async () => {
    const versions = { 'application.pdb': 'B0A5D2E4' };
    const stops = Array.from({ length: 5_000 }, (_, at) => ({
      ...{ fromUtcMs: at, untilUtcMs: at + 1, reason: 'breakpoint at eventsys!EvtSignal' },
    }));
    const builder = new RecordingBuilder({ target: 'wine', host: 'here', versions, startUtcMs: 0, stops });
    const source = builder.addSource({ side: 'kernel', description: 'eventsys', ringCount: 1, slotsPerRing: 64 });
    builder.slots(source, 0, 0n, 0n, new Uint8Array(8 * 1024 * 1024).fill(7));
    const file = path.join(folder, 'run.evtrace');
    await writeTrace(file, builder.finish(9));
    const metadata = await readTraceMetadata(file);
    assert.deepEqual(metadata.versions, versions);
    assert.equal(metadata.stops?.length, stops.length);
  });

  it('are named so that names sort by time', () => {
    const name = (at: string): string =>
      path.basename(defaultTraceFile('/w', 'eventapp signals --from dpc', new Date(at)));
    assert.equal(name('2026-03-04T05:06:07.890Z'), '20260304T050607-eventapp-signals-from-dpc.evtrace');
    assert.ok(name('2026-03-04T05:06:07Z') < name('2026-03-04T05:06:08Z'));
  });
});
