/** Named Objects in a real VS Code with 10,000 objects: what a person waits for, and what the extension host holds. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { loadProject } from '../../target/project.js';
import { listObjects, queryObjects, type DirectoryEntry } from '../../target/objects.js';
import { PAGE_ENTRIES } from '../../target/namespace-directory.js';
import { openTarget } from '../../target/targets.js';
import { holdEvents } from '../vscode/held-objects.js';
import { VscodeHost } from '../vscode/host.js';
import { Workbench, WORK_TIMEOUT_MS } from '../vscode/workbench.js';
import type { Benchmark } from './benchmark.js';
import { type Figure, median } from './figure.js';
import type { Bench } from './workspace.js';

const NAME = 'EventscopeTree';
const DIRECTORY = `\\BaseNamedObjects\\${NAME}`;
const OBJECTS = 10_000;
const RUNS = 3;
const STILL_MS = 600;
/** In one directory, where only the first page is looked at. */
const MANY_OBJECTS = 50_000;
/** Wine takes the longer for each, the more there are. */
const MAKING_LIMIT_MS = 900_000;

/** Milliseconds until events are shown and all of them hold the text, by the page's own frames, from just before `act`. Wine lists many in no order. */
async function paintedAfter(page: Page, text: string, act: () => Promise<void>): Promise<number> {
  // As text: the page's own names are not known here.
  const painted = page.evaluate<number>(`new Promise((resolve, reject) => {
    const began = performance.now();
    const look = () => {
      const rows = [...document.querySelectorAll('.pane-body [role=treeitem]')].map((row) => row.textContent);
      const events = rows.filter((row) => /Event\\d{5}/.test(row));
      if (performance.now() - began > ${WORK_TIMEOUT_MS}) reject(new Error('no row with ' + ${JSON.stringify(text)} + ' is painted'));
      else if (events.length > 0 && events.every((row) => row.includes(${JSON.stringify(text)}))) resolve(performance.now() - began);
      else requestAnimationFrame(look);
    };
    look();
  })`);
  await act();
  return painted;
}

/** Resident memory in MB of the extension host of a window; its log tells its process. */
async function hostMemory(temporary: string): Promise<number> {
  const logs = path.join(temporary, 'user', 'logs');
  const files = (await readdir(logs, { recursive: true })).filter((file) => file.endsWith('remoteexthost.log'));
  const texts = await Promise.all(files.map((file) => readFile(path.join(logs, file), 'utf8')));
  const pid = texts.flatMap((text) => /Extension host with pid (\d+) started/.exec(text)?.[1] ?? [])[0];
  const status = pid === undefined ? '' : await readFile(`/proc/${pid}/status`, 'utf8');
  const kilobytes = /VmRSS:\s+(\d+)/.exec(status)?.[1];
  if (kilobytes === undefined) throw new Error('There is no extension host');
  return Number(kilobytes) / 1024;
}

interface TreeTimes {
  readonly firstPage: readonly number[];
  readonly keystroke: readonly number[];
  readonly refresh: readonly number[];
  /** MB over the host's size before a directory was opened. */
  readonly growth: number;
}

/** A window with the sample and its target started, Named Objects open. */
async function inWindow<T>(bench: Bench, measure: (workbench: Workbench, folder: string) => Promise<T>): Promise<T> {
  const host = await VscodeHost.start({ name: 'bench-tree' });
  try {
    const folder = await host.sample('sample');
    const workbench = new Workbench(await host.open(folder));
    await workbench.contributed();
    await workbench.showViews();
    await workbench.openPane('Named Objects');
    bench.operation.progress('Starting the target of the window');
    await workbench.page.getByText('Start Target').first().click();
    await workbench.treeItem('\\BaseNamedObjects').first().waitFor({ timeout: WORK_TIMEOUT_MS });
    return await measure(workbench, folder);
  } finally {
    await host.stop();
  }
}

function measureTree(bench: Bench): Promise<TreeTimes> {
  return inWindow(bench, async (workbench, folder) => {
    const firstPage: number[] = [];
    let before: number | undefined;
    let growth = 0;
    for (let run = 0; run < RUNS; run++) {
      // A directory is read once in a window: each run has one of its own, and only one at a time is there.
      const held = await holdEvents(folder, `${DIRECTORY}${run}`, OBJECTS);
      try {
        before ??= await hostMemory(path.dirname(folder));
        firstPage.push(await openDirectory(workbench, `${NAME}${run}`));
        if (run === 0) growth = (await hostMemory(path.dirname(folder))) - before;
      } finally {
        await held.end();
      }
      bench.operation.progress(`Opened a directory of ${OBJECTS} objects: run ${run + 1} of ${RUNS}`);
    }
    const held = await holdEvents(folder, DIRECTORY, OBJECTS);
    try {
      return { firstPage, growth, keystroke: await typeFilter(workbench), refresh: await refreshTimes(folder, bench) };
    } finally {
      await held.end();
    }
  });
}

interface ManyTimes {
  readonly firstPage: number;
  readonly slices: Slices;
}

function measureMany(bench: Bench): Promise<ManyTimes> {
  return inWindow(bench, async (workbench, folder) => {
    bench.operation.progress(`Making ${MANY_OBJECTS} objects`);
    const held = await holdEvents(folder, `${DIRECTORY}Many`, MANY_OBJECTS, { limitMs: MAKING_LIMIT_MS });
    try {
      bench.operation.progress('Opening their directory');
      const firstPage = await openDirectory(workbench, `${NAME}Many`);
      bench.operation.progress(`Listing them with an agent of our own: first page after ${firstPage.toFixed(0)} ms`);
      return { firstPage, slices: await longestSlices(folder, bench) };
    } finally {
      await held.end();
    }
  });
}

async function openDirectory(workbench: Workbench, name: string): Promise<number> {
  await workbench.command('Eventscope: Refresh');
  const row = workbench.treeItem(name).first();
  await row.waitFor({ timeout: WORK_TIMEOUT_MS });
  if ((await row.getAttribute('aria-expanded')) === 'true') throw new Error(`${name} is open already`);
  const ms = await paintedAfter(workbench.page, 'Event', () => row.click());
  // The states of the page; and the rest of the list: only the whole of it is in the order of names.
  await workbench.treeItem('not signaled').first().waitFor({ timeout: WORK_TIMEOUT_MS });
  await workbench.treeItem('Event00000').waitFor({ timeout: WORK_TIMEOUT_MS });
  await workbench.page.keyboard.press('ArrowLeft');
  return ms;
}

/** From a keystroke to the painted rows that only it leaves, the index being filled. */
async function typeFilter(workbench: Workbench): Promise<number[]> {
  const { page } = workbench;
  await workbench.command('Eventscope: Filter Objects');
  const input = page.locator('.quick-input-widget .quick-input-box input');
  await input.waitFor();
  await input.fill('event0');
  await page
    .getByText(`${OBJECTS.toLocaleString('en-US').replace(',', '')} of`)
    .first()
    .waitFor({ timeout: WORK_TIMEOUT_MS });
  await page.getByText('still searching').waitFor({ state: 'detached', timeout: WORK_TIMEOUT_MS });
  const times: number[] = [];
  for (let run = 1; run <= RUNS; run++) {
    await input.fill(`event0${run}`);
    await paintedAfter(page, `Event0${run}`, () => Promise.resolve());
    // As for who begins to type: VS Code holds back what changes within 200 ms of the change before.
    await delay(STILL_MS);
    times.push(await paintedAfter(page, `Event0${run}5`, () => page.keyboard.type('5')));
  }
  await input.fill('');
  await page.keyboard.press('Enter');
  return times;
}

/** The longest pieces, in ms, of a list of many objects that an agent of our own reads. */
interface Slices {
  /** That the host's thread was held. */
  readonly host: number;
  /** That the agent walked on without a rest, by its own clock. */
  readonly agent: number;
}

async function longestSlices(folder: string, { operation }: Bench): Promise<Slices> {
  const target = await openTarget(await loadProject(folder));
  const client = await target.connect(operation);
  const held = monitorEventLoopDelay({ resolution: 1 });
  try {
    let seen = 0;
    let before: number | undefined;
    const parts: number[] = [];
    // The first list of a process is compiled while it is read.
    await listObjects(client, '\\BaseNamedObjects', operation, () => undefined);
    held.enable();
    const { longestSliceMs } = await listObjects(client, `${DIRECTORY}Many`, operation, (more) => {
      seen += more.length;
      const now = performance.now();
      if (before !== undefined) parts.push(now - before);
      before = now;
    });
    held.disable();
    // A slice of the agent with its rest, and the way here, where the window and the target share the processors.
    parts.sort((one, other) => one - other);
    const times = [0.5, 0.99, 1].map((share) => (parts[Math.ceil(share * parts.length) - 1] ?? 0).toFixed(0));
    operation.progress(
      `${parts.length} parts came: median ${times[0]} ms apart, 99 % within ${times[1]} ms, longest ${times[2]} ms`,
    );
    if (seen !== MANY_OBJECTS) throw new Error(`${seen} of ${MANY_OBJECTS} objects were listed`);
    return { host: held.max / 1e6, agent: longestSliceMs ?? NaN };
  } finally {
    held.disable();
    await client.close();
  }
}

/** The states of a page of objects, as the view asks for them, by an agent of our own in the window's prefix. */
async function refreshTimes(folder: string, { operation }: Bench): Promise<number[]> {
  const target = await openTarget(await loadProject(folder));
  const client = await target.connect(operation);
  try {
    const entries: DirectoryEntry[] = [];
    await listObjects(client, DIRECTORY, operation, (more) => entries.push(...more));
    const shown = entries.slice(0, PAGE_ENTRIES);
    const times: number[] = [];
    for (let run = 0; run < 2 * RUNS; run++) {
      const began = performance.now();
      await queryObjects(client, DIRECTORY, shown, operation);
      times.push(performance.now() - began);
    }
    return times;
  } finally {
    await client.close();
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
  runs: values.length,
});

export const objectTree: Benchmark = {
  names: ['tree-first-page-of-10000', 'tree-filter-keystroke', 'tree-refresh-visible-level', 'tree-memory-of-10000'],
  async run(bench) {
    const { firstPage, keystroke, refresh, growth } = await measureTree(bench);
    return [
      figure('tree-first-page-of-10000', firstPage, 'ms', 300),
      figure('tree-filter-keystroke', keystroke, 'ms', 100),
      figure('tree-refresh-visible-level', refresh, 'ms', 100),
      figure('tree-memory-of-10000', [growth], 'MB', 60),
    ];
  },
};

export const objectTreeOfMany: Benchmark = {
  names: ['tree-first-page-of-50000', 'tree-slice-of-50000', 'tree-agent-slice-of-50000'],
  async run(bench) {
    const { firstPage, slices } = await measureMany(bench);
    return [
      figure('tree-first-page-of-50000', [firstPage], 'ms', 300),
      figure('tree-slice-of-50000', [slices.host], 'ms', 20),
      figure('tree-agent-slice-of-50000', [slices.agent], 'ms', 20),
    ];
  },
};
