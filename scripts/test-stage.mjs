/** Runs one stage of the tests in a process of its own, within a time bound, and counts what came of it. */
import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createWriteStream, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

/** In the environment of a stage and so of everything it starts, Windows processes under Wine too. */
const MARK = 'EVENTSCOPE_TEST_STAGE';
/** Wine's own processes end some seconds after the last program of a prefix. */
const GRACE_MS = 8_000;
/** Of the stage's own process, after its last test. */
const EXIT_MS = 30_000;

/** Processes that carry the mark: `{pid, command}`. Linux only; elsewhere there is no such list to read. */
export function processesMarked(mark) {
  let pids;
  try {
    pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
  const marked = [];
  for (const pid of pids) {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`${MARK}=${mark}`)) continue;
      const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
      if (command !== '') marked.push({ pid: Number(pid), command });
    } catch {
      // It ended meanwhile, or is not ours to read.
    }
  }
  return marked;
}

function end(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}

/** Leftovers after a grace time; they are ended, since the next stage must not meet them. */
async function endLeftovers(mark, graceMs) {
  const until = performance.now() + graceMs;
  let left = processesMarked(mark);
  while (left.length > 0 && performance.now() < until) {
    await delay(250);
    left = processesMarked(mark);
  }
  for (const { pid } of left) end(pid, 'SIGKILL');
  return left;
}

/** One line of mocha's json-stream reporter, or undefined: tests may print too. */
function parseEvent(line) {
  if (!line.startsWith('["')) return undefined;
  try {
    const [name, data] = JSON.parse(line);
    return ['start', 'pass', 'fail', 'end'].includes(name) ? { name, data } : undefined;
  } catch {
    return undefined;
  }
}

/** Counts events. A failed hook is a failure, and so is each test that it kept from running. */
export class StageCount {
  #total;
  #ended = false;
  #pending = 0;
  passed = 0;
  failures = [];

  add({ name, data }) {
    if (name === 'start') this.#total = data.total;
    if (name === 'pass') this.passed++;
    if (name === 'fail') this.failures.push({ title: data.fullTitle, error: data.err, stack: data.stack });
    if (name === 'end') {
      this.#ended = true;
      this.#pending = data.pending;
    }
  }

  /** @param {string|undefined} cut why the stage ended before its time */
  result(cut) {
    const failures = [...this.failures];
    if (this.#total === undefined) failures.push({ title: 'the stage', error: cut ?? 'did not start: see its log' });
    else if (cut !== undefined || !this.#ended) failures.push({ title: 'the stage', error: cut ?? 'ended early' });
    const ofTests = this.failures.filter((failure) => !/ hook (for|in) |" hook\b/.test(failure.title)).length;
    const notRun = Math.max(0, (this.#total ?? 0) - this.passed - ofTests - this.#pending);
    if (notRun > 0) failures.push({ title: `${notRun} more tests`, error: 'did not run' });
    return {
      passed: this.passed,
      failed: failures.length + Math.max(0, notRun - 1),
      skipped: this.#pending,
      failures,
    };
  }
}

/**
 * One start in a thousand of a Wine program fails for where Linux puts its heap (see `wineCommand` in target/wine): tests that start Wine
 * themselves run without that, where it is allowed.
 */
function fixedAddresses() {
  const words = ['setarch', '--addr-no-randomize'];
  return spawnSync(words[0], [...words.slice(1), 'true']).status === 0 ? words : [];
}

/**
 * @param {{name: string, specs: string[], minutes: number}} stage
 * @param {{root: string, logFolder: string, environment?: Record<string, string>, graceMs?: number, exitMs?: number}} options
 * @returns {Promise<{passed: number, failed: number, skipped: number}>}
 */
export async function runStage(stage, { root, logFolder, environment = {}, graceMs = GRACE_MS, exitMs = EXIT_MS }) {
  const mark = randomUUID();
  const logFile = path.join(logFolder, `${stage.name}.log`);
  const log = createWriteStream(logFile);
  const began = performance.now();
  process.stdout.write(`== ${stage.name}\n`);
  const mocha = path.join(root, 'node_modules', 'mocha', 'bin', 'mocha.js');
  let cut;
  const cutOff = (why) => {
    cut ??= why;
    stop();
    setTimeout(() => end(-child.pid, 'SIGKILL'), 10_000).unref();
  };
  const [program, ...before] = [...fixedAddresses(), process.execPath];
  const child = spawn(program, [...before, mocha, '--reporter', 'json-stream', ...stage.specs], {
    cwd: root,
    env: { ...process.env, ...environment, [MARK]: mark },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const stop = () => end(-child.pid, 'SIGTERM');
  const interrupted = () => {
    stop();
    void endLeftovers(mark, 3_000).then(() => process.exit(130));
  };
  process.once('SIGINT', interrupted);

  const count = new StageCount();
  const print = (line) => process.stdout.write(`${line}\n`);
  child.stderr.on('data', (chunk) => log.write(chunk));
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    log.write(`${line}\n`);
    const event = parseEvent(line);
    if (event === undefined) return;
    count.add(event);
    if (event.name === 'pass') print(`  ok ${event.data.fullTitle}`);
    if (event.name === 'fail') print(`  FAILED ${event.data.fullTitle}\n    ${event.data.err}`);
    if (event.name === 'end') {
      exitTimer = setTimeout(() => cutOff('did not end after its last test: something is still open'), exitMs);
    }
  });

  const timer = setTimeout(() => cutOff(`was ended after ${stage.minutes} minutes`), stage.minutes * 60_000);
  let exitTimer;
  const code = await new Promise((resolve) => {
    child.on('error', () => resolve(undefined));
    // Not 'close': what a test left running may hold the pipes open for ever.
    child.on('exit', (status) => setTimeout(resolve, 500, status));
  });
  clearTimeout(timer);
  clearTimeout(exitTimer);
  const left = await endLeftovers(mark, graceMs);
  process.off('SIGINT', interrupted);
  child.stdout.destroy();
  child.stderr.destroy();

  const result = count.result(cut);
  for (const { title, error } of result.failures.slice(count.failures.length)) print(`  FAILED ${title}: ${error}`);
  for (const { pid, command } of left) print(`  left running, ended: ${pid} ${command.slice(0, 120)}`);
  // Mocha failed in a way that no event told.
  if (code !== 0 && result.failed === 0) result.failed = 1;
  log.end();
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const where = path.relative(root, logFile);
  print(`== ${stage.name}: ${result.passed} passed, ${result.failed} failed in ${seconds} s (${where})`);
  return { passed: result.passed, failed: result.failed, skipped: result.skipped };
}
