import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { processesMarked, StageCount } from './test-stage.mjs';

const ROOT = path.dirname(import.meta.dirname);

/** Runs one stage in a process of its own, as npm test does, and returns its result and what it printed. */
async function runStageOf(folder, files, options = {}) {
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text);
  const stage = { name: 'sample', specs: [path.join(folder, '*.test.mjs')], minutes: 1, ...options.stage };
  const runner = path.join(folder, 'runner.mjs');
  await writeFile(
    runner,
    `import { runStage } from ${JSON.stringify(pathToFileURL(path.join(import.meta.dirname, 'test-stage.mjs')).href)};
     const result = await runStage(${JSON.stringify(stage)}, ${JSON.stringify({
       root: ROOT,
       logFolder: folder,
       graceMs: 300,
       exitMs: options.exitMs ?? 5_000,
     })});
     process.stdout.write('RESULT ' + JSON.stringify(result) + '\\n');`,
  );
  const child = spawn(process.execPath, [runner], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk.toString('utf8')));
  await once(child, 'close');
  const line = output.split('\n').find((candidate) => candidate.startsWith('RESULT '));
  assert.ok(line !== undefined, output);
  return { output, result: JSON.parse(line.slice('RESULT '.length)) };
}

/** A process that has ended may stay in the table until its parent asks for it. */
async function isRunning(pid) {
  try {
    return !/\) [ZX] /.test(await readFile(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

describe('a stage of the tests', () => {
  let folder;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'eventscope-stage-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('counts what passed and failed, and is not misled by what tests print', async () => {
    const { result, output } = await runStageOf(folder, {
      'a.test.mjs': `it('one', () => process.stdout.write('["pass",{"fullTitle":"forged"\\n'));
                     it('two', () => { throw new Error('broken on purpose'); });`,
    });
    assert.deepEqual(result, { passed: 1, failed: 1, skipped: 0 });
    assert.match(output, /FAILED two\n\s+broken on purpose/);
  });

  it('counts the tests that a failed hook kept from running', async () => {
    const { result } = await runStageOf(folder, {
      'a.test.mjs': `describe('s', () => { before(() => { throw new Error('no machine'); }); it('x', () => {}); it('y', () => {}); });`,
    });
    assert.deepEqual(result, { passed: 0, failed: 3, skipped: 0 });
  });

  it('fails when the test files cannot be loaded', async () => {
    const { result } = await runStageOf(folder, { 'a.test.mjs': 'this is not JavaScript' });
    assert.deepEqual(result, { passed: 0, failed: 1, skipped: 0 });
  });

  it('fails a stage that does not end after its last test', async () => {
    const files = { 'a.test.mjs': `it('one', () => { setInterval(() => {}, 1000); });` };
    const { result, output } = await runStageOf(folder, files, { exitMs: 200 });
    assert.deepEqual(result, { passed: 1, failed: 1, skipped: 0 });
    assert.match(output, /something is still open/);
  });

  it('names and ends what a stage leaves running', async () => {
    const files = {
      'a.test.mjs': `import { spawn } from 'node:child_process';
        it('one', () => { spawn('sleep', ['61.25'], { detached: true, stdio: 'ignore' }).unref(); });`,
    };
    const { result, output } = await runStageOf(folder, files);
    assert.equal(result.passed, 1);
    const left = /left running, ended: (\d+) sleep 61\.25/.exec(output);
    assert.ok(left !== null, output);
    assert.equal(await isRunning(left[1]), false);
  });

  it('finds only processes that carry the mark', () => {
    assert.deepEqual(processesMarked('nobody carries this'), []);
  });
});

describe('the count of a stage', () => {
  it('says how many tests did not run when it was cut', () => {
    const count = new StageCount();
    count.add({ name: 'start', data: { total: 5 } });
    count.add({ name: 'pass', data: { fullTitle: 'a' } });
    const result = count.result('was ended after 1 minutes');
    assert.equal(result.passed, 1);
    assert.equal(result.failed, 5);
    assert.deepEqual(
      result.failures.map((failure) => failure.error),
      ['was ended after 1 minutes', 'did not run'],
    );
  });
});
