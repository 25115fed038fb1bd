/** `eventscope kd` against the test target: what it prints, that the machine goes on afterwards, recordings and what replays them. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ExitCode } from '../../cli/exit-code.js';
import { KdBench, until } from './kd-fixture.js';

const ROOT = join(import.meta.dirname, '..', '..');
const NODE = ['--import', 'tsx', join(ROOT, 'cli', 'main.ts'), 'kd'];

describe('eventscope kd', function () {
  this.timeout(120_000);
  let bench: KdBench;
  beforeEach(async () => {
    bench = await KdBench.make();
  });
  afterEach(() => bench.close());

  const kd = async (...words: string[]): Promise<string> =>
    (await promisify(execFile)(process.execPath, [...NODE, ...words], { cwd: ROOT })).stdout;

  it('tells version, modules, threads, objects and memory, and lets the machine go on', async () => {
    const at = ['--connect', bench.address];
    assert.match(await kd('version', ...at), /^build 19045, x64, 2 processors/m);
    assert.match(
      await kd('threads', ...at),
      /eventapp\.exe +1204 +\d+ +(waiting +UserRequest +(under )?[\d.]+ m?s|running|ready)/,
    );
    await bench.runs();
    const parsed = JSON.parse(await kd('objects', '\\BaseNamedObjects', '--json', ...at)) as {
      objects: { name: string; typeName: string }[];
    };
    assert.ok(parsed.objects.some(({ name, typeName }) => name === 'SharedEvent' && typeName === 'Event'));
    const event = await kd('objects', '\\BaseNamedObjects\\SharedEvent', ...at);
    assert.match(
      event,
      /^Event at 0x[0-9a-f]{16}, 1 handle, 1 reference\nkind synchronization, signaled (true|false)\n/,
    );
    assert.match(await kd('memory', bench.target.kernel.image.base.toString(16), '32', ...at), /4d 5a .* {2}MZ/);
    await bench.runs();
  });

  it('records a session, which then stands for the target', async () => {
    const file = join(bench.folder, 'session.jsonl');
    const live = await kd('modules', '--connect', bench.address, '--record', file);
    assert.match(live, /ntoskrnl\.exe/);
    assert.equal(await kd('modules', '--replay', file), live);
    assert.match(await kd('decode', file), /GetVersion[\s\S]*packets, 0 bytes of noise, 0 damaged/);
  });

  it('ends at once with Ctrl-C while nothing answers', async () => {
    const child = spawn(process.execPath, [...NODE, 'version', '--connect', `unix:${join(bench.folder, 'nobody')}`], {
      cwd: ROOT,
    });
    let told = '';
    child.stderr.on('data', (data: Buffer) => (told += data.toString()));
    await until('its first words', () => told.includes('Waiting for'));
    child.kill('SIGINT');
    const [code] = (await once(child, 'exit')) as [number | null];
    assert.equal(code, ExitCode.Cancelled);
  });
});
