/** What the extension costs a window: the time of its activation, as VS Code itself counts it, and its extension host's memory. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { VscodeHost } from '../vscode/host.js';
import { Workbench } from '../vscode/workbench.js';
import type { Benchmark } from './benchmark.js';
import { type Figure, median } from './figure.js';

const RUNS = 3;
/** Of "Developer: Show Running Extensions": loading the bundle and the call of activate(). */
const ACTIVATION = /Activation: (\d+)ms/;

async function activationMs(workbench: Workbench): Promise<number> {
  await workbench.command('Developer: Show Running Extensions');
  const row = workbench.page.locator('.runtime-extensions-editor .monaco-list-row').filter({ hasText: 'Eventscope' });
  await row.waitFor({ timeout: 60_000 });
  const found = ACTIVATION.exec(await row.innerText());
  if (found === null) throw new Error(`VS Code tells no activation time: ${await row.innerText()}`);
  return Number(found[1]);
}

/** Resident memory of a host's extension host in MB. */
async function extensionHostMb(server: number): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-e', '-o', 'pid=,pgid=,args=']);
  const line = stdout.split('\n').find((text) => text.includes('--type=extensionHost') && pgidOf(text) === server);
  if (line === undefined) throw new Error('The window has no extension host');
  const status = await readFile(`/proc/${Number.parseInt(line, 10)}/status`, 'latin1');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}

const pgidOf = (line: string): number => Number(line.trim().split(/\s+/)[1]);

export const extension: Benchmark = {
  names: ['extension-activation', 'extension-host-memory'],
  async run(bench) {
    const times: number[] = [];
    const memory: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      bench.operation.progress(`Activating the extension: run ${run + 1} of ${RUNS}`);
      const host = await VscodeHost.start({ name: 'bench-extension' });
      try {
        const workbench = new Workbench(await host.open(await host.emptyFolder('empty')));
        await workbench.contributed();
        const before = await extensionHostMb(host.processGroup);
        await workbench.showViews();
        await workbench.status.or(workbench.page.getByText('This folder does not describe')).first().waitFor();
        times.push(await activationMs(workbench));
        memory.push((await extensionHostMb(host.processGroup)) - before);
      } finally {
        await host.stop();
      }
    }
    const figure = (name: string, values: readonly number[], unit: string, aim: number): Figure => ({
      bench: name,
      value: median(values),
      unit,
      better: 'lower',
      aim,
      peer: null,
      peerValue: null,
      runs: RUNS,
    });
    // Idle: the views are open, no target is started. What the tree adds has a figure of its own.
    return [figure('extension-activation', times, 'ms', 50), figure('extension-host-memory', memory, 'MB', 30)];
  },
};
