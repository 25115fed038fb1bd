/** Processes, files and locks through the agent. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import fc from 'fast-check';
import { EventscopeError } from '../../protocol/errors.js';
import type { AgentClient } from '../../target/agent-client.js';
import { agentMachine, eventually, processNames, startAgent, startProbe } from './agent/agent-machine.js';

let client: AgentClient;

/** Of the drawn arguments: the same ones each time, others on request. */
const SEED = Number(process.env['EVENTSCOPE_SEED'] ?? 20261122);

const win32 = (call: string, code: number) => (error: unknown) => {
  assert.ok(error instanceof EventscopeError);
  assert.deepEqual([error.data['call'], error.data['code'], error.data['space']], [call, code, 'win32']);
  return true;
};

/** C runtimes differ in what they put at a line's end into a pipe. */
const lines = (text: string): string => text.replaceAll('\r\n', '\n');

describe('the agent: processes', function () {
  this.timeout(120_000);

  before(async () => {
    client = await (await startAgent()).connect();
  });
  after(() => client.close());

  it('hands arguments over as they are: blanks, quotes, backslashes, other scripts, none', async () => {
    const args = ['a b', '', 'say "hi"', 'C:\\x y\\', '\\\\"', 'tab\there', 'äöü 中文 🙂', '%PATH%', '^&|<>', '*'];
    const started = await startProbe(client, ['arguments', ...args]);
    assert.equal(await started.exited, 42);
    assert.equal(lines(started.text(1)), args.map((argument) => `[${argument}]\n`).join(''));
    assert.ok(!started.text(2).includes('THE TOKEN LEAKED'));
  });

  it('hands any argument over that the C runtime can hold', async () => {
    const argument = fc.oneof(
      fc.stringMatching(/^[\\" ab]{0,10}$/),
      fc.string({ unit: 'binary' }).filter((text) => !/[\0\r\n\ud800-\udfff]/.test(text)),
    );
    const [sample] = fc.sample(fc.array(argument, { minLength: 40, maxLength: 60 }), { numRuns: 1, seed: SEED });
    assert.ok(sample !== undefined);
    const started = await startProbe(client, ['arguments', ...sample]);
    const seed = `the arguments of seed ${SEED}`;
    assert.equal(await started.exited, 42, seed);
    assert.equal(lines(started.text(1)), sample.map((text) => `[${text}]\n`).join(''), seed);
  });

  it('sets working folder and environment', async () => {
    const started = await startProbe(client, ['arguments'], {
      workingFolder: 'C:\\windows',
      environment: { PROBE: 'grün' },
    });
    await started.exited;
    assert.equal(lines(started.text(2)).toLowerCase(), 'c:\\windows\ngrün');
  });

  it('streams much output, whole, and tells the exit code after it', async () => {
    const bytes = 3_000_000;
    const started = await startProbe(client, ['flood', String(bytes)]);
    assert.equal(await started.exited, 7);
    const text = lines(started.text(1));
    assert.equal(text.length, bytes);
    assert.ok(text.split('\n').every((line) => line === '' || line === 'x'.repeat(99)));
    // One more round trip: output that came late would be here by now.
    await client.request('agent/info', {});
    assert.ok(!started.lateOutput);
  });

  it('loses no output of processes that end while the agent starts others', async () => {
    const names = Array.from({ length: 12 }, (_, index) => `number ${index}`);
    const texts = await Promise.all(
      names.map(async (name) => {
        const started = await startProbe(client, ['arguments', name]);
        assert.equal(await started.exited, 42);
        return lines(started.text(1));
      }),
    );
    assert.deepEqual(
      texts,
      names.map((name) => `[${name}]\n`),
    );
  });

  it('ends a process with the code asked for', async () => {
    const started = await startProbe(client, ['wait']);
    assert.equal((await processNames(client)).get(started.process), 'agent_probe.exe');
    await client.request('process/end', { process: started.process, exitCode: 0xc0000005 });
    assert.equal(await started.exited, 0xc0000005);
  });

  it('does not wait for a grandchild that holds the output', async () => {
    const started = await startProbe(client, ['parent']);
    const child = Number((await started.says(/child (\d+)/))[1]);
    await client.request('process/end', { process: started.process, exitCode: 9 });
    assert.equal(await started.exited, 9);
    await client.request('process/end', { process: child, exitCode: 0 });
  });

  it('says why a process cannot be started or ended', async () => {
    const start = { arguments: [], endWithAgent: true };
    await assert.rejects(
      client.request('process/start', { ...start, program: 'C:\\no\\such.exe' }),
      win32('CreateProcessW', 2),
    );
    const { probe } = await agentMachine();
    await assert.rejects(
      client.request('process/start', { ...start, program: probe, arguments: ['x'.repeat(40_000)] }),
      /over|characters|length/,
    );
    await assert.rejects(client.request('process/end', { process: 0xfff0, exitCode: 1 }), win32('OpenProcess', 87));
  });
});

describe('the agent: files', function () {
  this.timeout(120_000);
  const folder = 'C:\\eventscope\\tmp\\file tests ä';

  before(async () => {
    client = await (await startAgent()).connect();
    await client.request('file/makeFolder', { path: `${folder}\\deep\\er` });
  });
  after(async () => {
    await client.request('file/remove', { path: folder });
    await client.close();
  });

  it('writes in pieces, reads back, hashes, renames, removes', async () => {
    const path = `${folder}\\data.bin`;
    const data = randomBytes(5_000_000);
    const half = 2_500_001;
    await client.request('file/write', { path, offset: 0n, data: randomBytes(6_000_000 >> 1), truncateTo: 0n });
    await client.request('file/write', { path, offset: 0n, data: data.subarray(0, half), truncateTo: 0n });
    await client.request('file/write', { path, offset: BigInt(half), data: data.subarray(half) });
    const { sha256 } = await client.request('file/hash', { path });
    assert.equal(sha256, createHash('sha256').update(data).digest('hex'));
    const stat = await client.request('file/stat', { path });
    assert.equal(stat.entry?.size, BigInt(data.length));
    assert.equal(stat.entry.kind, 'file');
    const piece = await client.request('file/read', { path, offset: BigInt(half - 10), length: 20 });
    assert.deepEqual(Buffer.from(piece.data), data.subarray(half - 10, half + 10));
    const end = await client.request('file/read', { path, offset: BigInt(data.length - 5), length: 100 });
    assert.deepEqual(Buffer.from(end.data), data.subarray(-5));
    const renamed = `${folder}\\deep\\renamed.bin`;
    await client.request('file/rename', { from: path, to: renamed });
    assert.deepEqual(await client.request('file/stat', { path }), {});
    assert.equal((await client.request('file/hash', { path: renamed })).sha256, sha256);
    await client.request('file/remove', { path: `${folder}\\deep` });
    assert.deepEqual(await client.request('file/stat', { path: `${folder}\\deep` }), {});
    await client.request('file/remove', { path: `${folder}\\deep` });
  });

  it('replaces the target of a rename', async () => {
    for (const name of ['a', 'b']) {
      await client.request('file/write', { path: `${folder}\\${name}`, offset: 0n, data: Buffer.from(name) });
    }
    await client.request('file/rename', { from: `${folder}\\a`, to: `${folder}\\b` });
    const { data } = await client.request('file/read', { path: `${folder}\\b`, offset: 0n, length: 9 });
    assert.equal(Buffer.from(data).toString(), 'a');
  });

  it("says what is wrong in Windows' words", async () => {
    await assert.rejects(
      client.request('file/read', { path: `${folder}\\none`, offset: 0n, length: 1 }),
      win32('ReadFile', 2),
    );
    assert.deepEqual(await client.request('file/hash', { path: `${folder}\\none` }), {});
    await assert.rejects(client.request('file/stat', { path: 'relative.txt' }), /not an absolute Windows path/);
  });
});

describe('the agent: locks', function () {
  this.timeout(120_000);

  it('refuses a lock that is held, naming the holder, until it is released or the holder is gone', async () => {
    const first = await startAgent();
    const [a, b] = [await first.connect(), await (await startAgent()).connect()];
    const lock = { role: 'deployer', subject: 'Driver:eventsys/ä' } as const;
    assert.deepEqual(await a.request('lock/acquire', { ...lock, holder: 'Anna at her desk' }), { acquired: true });
    // Again by the same client: it has it.
    assert.deepEqual(await a.request('lock/acquire', { ...lock, holder: 'Anna again' }), { acquired: true });
    const refused = { acquired: false, holder: 'Anna at her desk' };
    assert.deepEqual(await b.request('lock/acquire', { ...lock, holder: 'Ben' }), refused);
    // Case does not make another subject, role does.
    const upper = { ...lock, subject: 'DRIVER:EVENTSYS/ä' };
    assert.deepEqual(await b.request('lock/acquire', { ...upper, holder: 'Ben' }), refused);
    assert.deepEqual(await b.request('lock/acquire', { ...lock, role: 'tracer', holder: 'Ben' }), { acquired: true });

    await a.request('lock/release', lock);
    assert.deepEqual(await b.request('lock/acquire', { ...lock, holder: 'Ben' }), { acquired: true });
    assert.deepEqual(await a.request('lock/acquire', { ...lock, holder: 'Anna' }), {
      acquired: false,
      holder: 'Ben',
    });
    await b.request('lock/release', lock);
    assert.deepEqual(await a.request('lock/acquire', { ...lock, holder: 'Anna' }), { acquired: true });
    first.child.kill('SIGKILL');
    await first.ended;
    await eventually(async () => (await b.request('lock/acquire', { ...lock, holder: 'Ben' })).acquired);
    await b.close();
  });
});

describe('the agent: while a call hangs or is cancelled', function () {
  this.timeout(120_000);

  it('is cancelled, and others are served meanwhile', async () => {
    const own = await (await startAgent()).connect();
    const many = await startProbe(own, ['many', '\\BaseNamedObjects\\CancelMe', '3000']);
    await many.says(/ready/);
    const controller = new AbortController();
    const stream = own.openStream(() => controller.abort());
    const listing = own.request(
      'object/list',
      { path: '\\BaseNamedObjects\\CancelMe', stream: stream.stream },
      { signal: controller.signal },
    );
    const meanwhile = own.request('agent/info', {});
    await assert.rejects(listing, { name: 'CancelledError' });
    assert.ok((await meanwhile).processId > 0);
    if (!controller.signal.aborted) await once(controller.signal, 'abort');
    stream.close();
    await own.close();
  });
});
