import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { ExitCode } from './exit-code.js';

/** Runs the command line from its sources, as dist/cli.cjs runs them. */
async function eventscope(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const main = path.join(import.meta.dirname, 'main.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString('utf8')));
  const [code] = (await once(child, 'close')) as [number];
  return { code, ...output };
}

describe('eventscope', () => {
  it('says what a wrong command line lacks, on standard error', async () => {
    const { code, stdout, stderr } = await eventscope('bild');
    assert.equal(code, ExitCode.Usage);
    assert.equal(stdout, '');
    assert.match(stderr, /unknown command 'bild'/);
    assert.match(stderr, /build/);
  });

  it('lists its commands and exit codes', async () => {
    const { code, stdout } = await eventscope('--help');
    assert.equal(code, ExitCode.Done);
    const named = ['build', 'deploy', 'run', 'undeploy', 'objects', 'state', 'trace', 'target', 'doctor-setup', 'demo'];
    for (const command of named) {
      assert.match(stdout, new RegExp(`^ {2}${command} `, 'm'), command);
    }
    assert.match(stdout, /Exit codes: 0 done/);
  });

  describe('in a folder that is no project', () => {
    let folder: string;
    before(async () => {
      folder = await mkdtemp(path.join(os.tmpdir(), 'eventscope-main-'));
    });
    after(async () => {
      await rm(folder, { recursive: true, force: true });
    });

    it('says so, why, and what to do', async () => {
      const { code, stdout, stderr } = await eventscope('build', '--workspace', folder);
      assert.equal(code, ExitCode.Failed);
      assert.equal(stdout, '');
      assert.match(stderr, /^error: .*is not an Eventscope project\n {2}why: {2}.*\n {2}next: /m);
    });

    it('says the same as JSON on standard output when asked to', async () => {
      const { code, stdout } = await eventscope('build', '--json', '--workspace', folder);
      assert.equal(code, ExitCode.Failed);
      const { error } = JSON.parse(stdout) as { error: Record<string, unknown> };
      assert.equal(error['id'], 'project.missing');
      assert.equal(typeof error['next'], 'string');
    });
  });
});
