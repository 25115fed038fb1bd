/**
 * What the suites on targets share: one workspace with one built driver and application, one Wine prefix, one test
 * machine behind sshd. Each is made when a test first asks for it, and all are removed when the run ends.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { EventscopeError } from '../../protocol/errors.js';
import type { Operation, Target } from '../../target/target.js';
import { loadProject, type Project } from '../../target/project.js';
import { openTarget } from '../../target/targets.js';
import { SshMachine } from './machines/ssh-machine.js';
import { makeWinePrefix } from './machines/wine-prefix.js';

const ROOT = resolve(import.meta.dirname, '..', '..');

export const MACHINE_NAMES = ['wine', 'ssh'] as const;
export type MachineName = (typeof MACHINE_NAMES)[number];

/** An operation that nobody cancels, with what it said. */
export class TestOperation implements Operation {
  readonly controller = new AbortController();
  readonly said: string[] = [];
  /** Called at each progress message. */
  onProgress: ((message: string) => void) | undefined;

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  progress(message: string): void {
    this.said.push(message);
    this.onProgress?.(message);
  }

  cancel(): void {
    this.controller.abort();
  }
}

/** The error that something ends with, which must be one for people. */
export async function failure(work: Promise<unknown>): Promise<EventscopeError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof EventscopeError, String(error));
    return error;
  }
  assert.fail('it did not fail');
}

const closers: (() => Promise<void>)[] = [];
const folders = new Set<string>();

process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

if (typeof after === 'function') {
  // At the root of mocha's tree: after the last suite, whichever that is.
  after('the machines are ended and removed', async function () {
    this.timeout(60_000);
    for (const close of closers.reverse()) await close();
  });
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

/** A folder of this run, removed at its end. */
export async function temporaryFolder(purpose: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `eventscope-${purpose}-`));
  folders.add(folder);
  closers.push(async () => {
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    folders.delete(folder);
  });
  return folder;
}

/** The agent's bundle is as its sources are. */
export const agentBundle = once(async () => {
  await promisify(execFile)(process.execPath, [join(ROOT, 'scripts', 'bundle.mjs'), 'agent'], { cwd: ROOT });
});

/** The test machine behind sshd; it is on. */
export const sshMachine = once(async () => {
  const machine = await SshMachine.start(makeWinePrefix);
  closers.push(() => machine.close());
  return machine;
});

/** The sample, in a workspace of its own, with both targets in its settings. */
export const sampleProject = once(async (): Promise<Project> => {
  const folder = await temporaryFolder('workspace');
  const machine = await sshMachine();
  await mkdir(join(folder, '.vscode'));
  const settings = {
    'eventscope.project': {
      driver: {
        sources: [join(ROOT, 'driver/sys')],
        includes: [join(ROOT, 'driver/include')],
        name: 'eventsys',
        service: 'eventsys',
        device: '\\\\.\\EventSys',
        defines: { EVENTSCOPE_TRACE: '1' },
      },
      application: {
        sources: [join(ROOT, 'driver/app')],
        includes: [join(ROOT, 'driver/include')],
        name: 'eventapp',
        defines: { EVENTSCOPE_TRACE: '1' },
      },
    },
    'eventscope.targets': [{ name: 'wine', kind: 'wine' }, machine.settings],
  };
  await writeFile(join(folder, '.vscode', 'settings.json'), JSON.stringify(settings, undefined, 2));
  return await loadProject(folder);
});

/** A target that is started; the same one for each caller of that name. */
const started = new Map<MachineName, Promise<Target>>();
export function startedTarget(name: MachineName): Promise<Target> {
  let target = started.get(name);
  if (target === undefined) {
    target = startTarget(name);
    started.set(name, target);
  }
  return target;
}

async function startTarget(name: MachineName): Promise<Target> {
  const project = await sampleProject();
  const target = await openTarget(project, name);
  closers.push(() => target.reset(new TestOperation()));
  await target.start(new TestOperation());
  return target;
}
