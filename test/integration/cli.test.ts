/** `eventscope` as a user starts it, on the embedded target: results, exit codes, cancelling, two at once. */
import assert from 'node:assert/strict';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import * as v from 'valibot';
import { ExitCode } from '../../cli/exit-code.js';
import { decodeColumns } from '../../trace/columns/encode.js';
import { sampleProject, startedTarget, temporaryFolder } from './fixture.js';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const CLI = path.join(ROOT, 'dist', 'cli.cjs');

interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

class Started {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  stderr = '';
  #stdout = '';
  readonly #listeners = new Set<() => void>();

  constructor(args: readonly string[]) {
    this.child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout?.on('data', (chunk: Buffer) => (this.#stdout += chunk.toString('utf8')));
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString('utf8');
      for (const listener of this.#listeners) listener();
    });
    this.finished = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('close', (code) => resolve({ code, stdout: this.#stdout, stderr: this.stderr }));
    });
  }

  /** Until its messages hold the text. */
  async said(text: string): Promise<void> {
    const heard = new Promise<void>((resolve) => {
      const check = (): void => {
        if (this.stderr.includes(text)) resolve();
      };
      this.#listeners.add(check);
      check();
    });
    const ended = this.finished.then((finished) => {
      throw new Error(`It ended with ${finished.code} before it said "${text}":\n${finished.stderr}`);
    });
    ended.catch(() => undefined);
    await Promise.race([heard, ended]);
  }
}

const runAnswer = v.object({
  trace: v.string(),
  exitCode: v.number(),
  firstWakeUtcMs: v.number(),
  startedUtcMs: v.number(),
  endedUtcMs: v.number(),
  totals: v.array(v.object({ lost: v.literal('0'), slots: v.string() })),
  dbgPrint: v.array(v.object({ text: v.string() })),
});
const end = v.object({ side: v.picklist(['kernel', 'user']) });
const stopsAnswer = v.object({
  flow: v.object({ wakes: v.array(v.object({ label: v.string(), signal: v.optional(end), wait: end })) }),
});
const stateAnswer = v.object({
  counts: v.object({ events: v.number(), schedules: v.number(), requests: v.number(), buffers: v.number() }),
  totals: v.object({ objectReferences: v.number(), handles: v.number() }),
  trace: v.object({ enabled: v.boolean() }),
});

describe('eventscope on the embedded target', function () {
  this.timeout(180_000);
  let workspace: string;

  const eventscope = (...args: string[]): Started => {
    const [command = '', ...rest] = args;
    return new Started([...command.split(' '), '--workspace', workspace, '--target', 'wine', ...rest]);
  };
  const succeeds = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await eventscope(...args).finished;
    assert.equal(code, ExitCode.Done, stderr);
    return stdout;
  };
  const state = async (): Promise<v.InferOutput<typeof stateAnswer>> =>
    v.parse(stateAnswer, JSON.parse(await succeeds('state', '--json')));

  before(async () => {
    await promisify(execFile)(process.execPath, [path.join(ROOT, 'scripts', 'bundle.mjs'), 'cli', 'agent'], {
      cwd: ROOT,
    });
    await startedTarget('wine');
    workspace = (await sampleProject()).folder;
    await succeeds('deploy');
  });
  after(async () => {
    await succeeds('undeploy');
  });

  it('builds once, and then finds nothing to build', async () => {
    await succeeds('build', '--json');
    const { rebuilt } = v.parse(
      v.object({ rebuilt: v.array(v.string()) }),
      JSON.parse(await succeeds('build', '--json')),
    );
    assert.deepEqual(rebuilt, []);
  });

  it('runs the application, and its recording shows the same again', async () => {
    const answer = v.parse(runAnswer, JSON.parse(await succeeds('run', '--json', 'app-handle', '--count', '2')));
    assert.equal(answer.exitCode, 0);
    assert.ok(answer.firstWakeUtcMs > answer.startedUtcMs - 50 && answer.firstWakeUtcMs < answer.endedUtcMs + 50);
    assert.ok(answer.dbgPrint.some(({ text }) => /^eventsys: .*what=signal /.test(text)));

    const shown = JSON.parse(await showTrace(answer.trace, '--json')) as Record<string, unknown>;
    assert.equal(shown['firstWakeUtcMs'], answer.firstWakeUtcMs);
    const text = await showTrace(answer.trace);
    const releases = text.match(/set unnamed event #\d+.*released eventapp/g) ?? [];
    assert.equal(releases.length, 2, text);
  });

  const showTrace = async (file: string, ...options: string[]): Promise<string> => {
    const { code, stdout, stderr } = await new Started(['trace', 'show', file, ...options]).finished;
    assert.equal(code, ExitCode.Done, stderr);
    return stdout;
  };

  it('draws a recording as a page that loads nothing from anywhere', async () => {
    const answer = v.parse(runAnswer, JSON.parse(await succeeds('run', '--json', 'driver-name', '--count', '1')));
    const page = path.join(await temporaryFolder('page'), 'run.html');
    await showTrace(answer.trace, '--html', page);
    const html = await readFile(page, 'utf8');
    assert.match(html, /<meta[^>]+Content-Security-Policy[^>]+default-src 'none'/);
    assert.doesNotMatch(html, /(src|href)\s*=\s*["']?https?:/);
    const embedded = /id="data">(.*?)<\/script>/s.exec(html)?.[1] ?? '';
    const columns = decodeColumns(new Uint8Array(Buffer.from(embedded, 'base64')));
    assert.ok(columns.objects.some(({ label }) => label.includes('EventscopeDriver')));
  });

  it("hands the application's failure on in its exit code", async () => {
    const { code, stderr } = await eventscope('run', 'no-such-method').finished;
    assert.equal(code, ExitCode.ApplicationFailed);
    assert.match(stderr, /The application returned 2/);
  });

  it('leaves nothing of a cancelled run on the target', async () => {
    const running = eventscope('run', 'signals', '--from', 'dpc', '--count', '1000', '--period', '20');
    await running.said('Running eventapp');
    await new Promise((resolve) => setTimeout(resolve, 500));
    running.child.kill('SIGINT');
    const { code, stderr } = await running.finished;
    assert.equal(code, ExitCode.Cancelled, stderr);
    assert.match(stderr, /Cancelled\./);
    const { counts, totals, trace } = await state();
    assert.deepEqual(counts, { events: 0, schedules: 0, requests: 0, buffers: 0 });
    assert.equal(totals.objectReferences, 0);
    assert.equal(totals.handles, 0);
    assert.equal(trace.enabled, false);
  });

  it('tells the second of two who holds the target', async () => {
    const first = eventscope('run', 'signals', '--from', 'dpc', '--count', '1000', '--period', '20');
    await first.said('Running eventapp');
    const second = await eventscope('run', 'app-handle').finished;
    first.child.kill('SIGINT');
    await first.finished;
    assert.equal(second.code, ExitCode.Held, second.stderr);
    assert.match(second.stderr, new RegExp(`process ${first.child.pid} on `));
  });

  it('records a running driver for a while', async () => {
    const file = path.join(await temporaryFolder('record'), 'driver.evtrace');
    const recording = eventscope('trace record', '--seconds', '60', '--out', file);
    await recording.said('Recording');
    // The driver is traced by one at a time: whoever uses it now is not traced, and seen from the driver's side.
    const target = await startedTarget('wine');
    const client = await target.connect({ signal: AbortSignal.timeout(30_000), progress: () => undefined });
    try {
      const exited = new Promise<number>((resolve) => {
        client.onNotification('process/exited', ({ exitCode }) => resolve(exitCode));
      });
      const program = `${target.folder}\\bin\\eventapp.exe`;
      await client.request('process/start', {
        program,
        arguments: ['driver-name', '--count', '1'],
        endWithAgent: true,
      });
      assert.equal(await exited, 0);
    } finally {
      await client.close();
    }
    recording.child.kill('SIGINT');
    const { code, stderr } = await recording.finished;
    assert.equal(code, ExitCode.Done, stderr);
    assert.match(await showTrace(file), /EventscopeDriver-\d+.*was not signaled/);
  });

  it('records at the functions themselves what no import slot leads to, by a stop for each call', async () => {
    // The application imports WaitForSingleObject, which comes to this one in the system.
    const points = ['--points', 'KeSetEvent', 'NtWaitForMultipleObjects', 'reset', '--stopping'];
    const told = await succeeds('trace record', '--json', ...points, '--', 'driver-name', '--count', '2');
    const { flow } = v.parse(stopsAnswer, JSON.parse(told));
    const across = flow.wakes.filter(({ signal, wait }) => signal?.side === 'kernel' && wait.side === 'user');
    assert.equal(across.length, 2, JSON.stringify(flow));
    assert.ok(across.every(({ label }) => label.includes('EventscopeDriver')));
    // The driver answers: nothing of a debugger is left in its host.
    assert.equal((await state()).trace.enabled, false);
  });

  it('lists what the driver shares, with its state', async () => {
    const listing = await succeeds('objects', '\\BaseNamedObjects', '--json');
    const { entries } = v.parse(
      v.object({ entries: v.array(v.object({ name: v.string(), typeName: v.string() })) }),
      JSON.parse(listing),
    );
    assert.ok(entries.some(({ name, typeName }) => name === 'Global' && typeName === 'SymbolicLink'));
  });

  it('names file, line and column of a compiler error, and keeps the driver that runs', async () => {
    const folder = await temporaryFolder('broken');
    await mkdir(path.join(folder, '.vscode'));
    await mkdir(path.join(folder, 'driver', 'sys'), { recursive: true });
    const source = path.join(folder, 'driver', 'sys', 'broken.c');
    await writeFile(source, 'int fine;\nint broken(void) { return missing; }\n');
    const sources = ['driver/sys'];
    const settings = {
      'eventscope.project': {
        driver: { sources, name: 'eventsys', service: 'eventsys' },
        application: { sources, name: 'eventapp' },
      },
    };
    await writeFile(path.join(folder, '.vscode', 'settings.json'), JSON.stringify(settings));
    const { code, stderr } = await new Started(['build', '--workspace', folder]).finished;
    assert.equal(code, ExitCode.BuildFailed, stderr);
    assert.ok(stderr.includes(`${source}:2:27: error: `), stderr);
    await state();
  });
});
