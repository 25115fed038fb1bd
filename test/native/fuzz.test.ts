/** The driver's input checks under libFuzzer, on the modelled kernel: a bounded number of runs from a fixed seed. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { buildHost, buildSeeds, driverFolder, repository, sanitizerEnvironment } from './host-harness.js';

const BUILD_MS = 180_000;
const FUZZ_MS = 280_000;
const RUNS = 30_000;
const SEED = 20_220;

interface Ended {
  readonly code: number | string;
  readonly output: string;
}

function runProgram(program: string, args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(
      program,
      args,
      { env: sanitizerEnvironment, timeout: FUZZ_MS, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : (error.code ?? error.signal ?? 'killed'), output: stderr + stdout });
      },
    );
  });
}

/** What a person needs of a crash: the model's line or the sanitizer's report, and where the input lies. */
function report(ended: Ended): string {
  const at = ended.output.search(/MODEL: |ERROR: |runtime error: /);
  const file = /Test unit written to (\S+)/.exec(ended.output)?.[1];
  const where = file === undefined ? '' : `\nThe input: ${file}. Keep it in driver/fuzz/crashes when it is fixed.`;
  return `the fuzz target ended with ${ended.code}: ${ended.output.slice(Math.max(at, 0)).slice(0, 3000)}${where}`;
}

describe('the driver under the fuzzer', () => {
  let fuzz = '';
  let corpus = '';

  before(async function () {
    this.timeout(BUILD_MS);
    fuzz = await buildHost('fuzz');
    corpus = await mkdtemp(path.join(tmpdir(), 'eventscope-corpus-'));
    const seeds = await runProgram(await buildSeeds(), [corpus]);
    assert.equal(seeds.code, 0, seeds.output);
  });

  after(async () => {
    if (corpus !== '') {
      await rm(corpus, { recursive: true, force: true });
    }
  });

  it('takes each seed, and each input that once crashed it', async function () {
    this.timeout(BUILD_MS);
    const crashes = path.join(driverFolder, 'fuzz', 'crashes');
    const inputs = (await readdir(corpus)).map((name) => path.join(corpus, name));
    if (existsSync(crashes)) {
      inputs.push(...(await readdir(crashes)).map((name) => path.join(crashes, name)));
    }
    assert.ok(inputs.length >= 20, `${inputs.length} seeds`);
    const ended = await runProgram(fuzz, ['-detect_leaks=0', ...inputs]);
    assert.equal(ended.code, 0, report(ended));
  });

  it(`stands ${RUNS.toLocaleString('en')} generated sequences, and lets every kind of request through at times`, async function () {
    this.timeout(FUZZ_MS);
    const artifacts = path.join(repository, '.eventscope', 'build', 'host', 'crashes');
    await mkdir(artifacts, { recursive: true });
    const ended = await runProgram(fuzz, [
      `-seed=${SEED}`,
      `-runs=${RUNS}`,
      '-max_len=1024',
      '-detect_leaks=0',
      `-artifact_prefix=${artifacts}${path.sep}`,
      corpus,
    ]);
    assert.equal(ended.code, 0, report(ended));
    assert.match(ended.output, new RegExp(`Done ${RUNS} runs`));
    const never = [...ended.output.matchAll(/never succeeded: (0x\w+)/g)].map((match) => match[1]);
    assert.deepEqual(never, []);
    assert.match(ended.output, /fuzz: (\d+) of \1 requests succeeded/);
  });
});
