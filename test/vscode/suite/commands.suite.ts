import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as vscode from 'vscode';
import { file, idOf, otherFolder, services, shownErrors, until, withoutError, workspace } from './host.js';

const run = (name: string, ...args: unknown[]): Thenable<unknown> =>
  vscode.commands.executeCommand(`eventscope.${name}`, ...args);
const runWell = (name: string, ...args: unknown[]): Promise<void> =>
  withoutError(async () => {
    await run(name, ...args);
  });
const errorsOf = async (name: string, ...args: unknown[]): Promise<string[]> =>
  (await shownErrors(async () => run(name, ...args))).map(idOf);

async function driverState(): Promise<string | undefined> {
  const { client } = await (await services()).connect();
  return (await client.request('service/query', { name: 'eventsys' })).status?.state;
}

describe('commands', () => {
  it('Deploy Driver says what to do while nothing is built', async () => {
    assert.deepEqual(await errorsOf('driver.deploy'), ['build.missing']);
  });

  it('Build Driver builds both sides', async () => {
    await runWell('driver.build');
    const built = path.join(workspace().uri.fsPath, '.eventscope', 'build', 'default');
    for (const name of ['eventsys.sys', 'eventsys.pdb', 'eventapp.exe', 'eventapp.pdb']) {
      assert.ok(existsSync(path.join(built, name)), name);
    }
  });

  it('Build Driver shows the compiler’s messages under Problems, where they are, until they are corrected', async () => {
    const source = file('driver', 'sys', 'pool.c');
    const before = await readFile(source.fsPath, 'utf8');
    const lines = before.split('\n').length;
    try {
      await writeFile(source.fsPath, `${before}int broken = "no number" + nothing_of_that_name;\n`);
      assert.deepEqual(await errorsOf('driver.build'), ['build.failed']);
      const problems = await until('problems', () => {
        const found = vscode.languages.getDiagnostics(source);
        return found.length > 0 && found;
      });
      const error = problems.find(({ message }) => message.includes('nothing_of_that_name'));
      assert.equal(error?.severity, vscode.DiagnosticSeverity.Error);
      assert.equal(error.range.start.line, lines - 1);
      assert.equal(error.source, 'eventscope');
    } finally {
      await writeFile(source.fsPath, before);
    }
    await runWell('driver.build');
    await until('no problem', () => vscode.languages.getDiagnostics(source).length === 0);
  });

  it('Build and Deploy makes the target and starts the driver', async () => {
    const own = await services();
    const states = new Set<string | undefined>();
    const watching = own.onDidChangeTarget(() => states.add(own.folder?.state));
    try {
      await runWell('driver.buildAndDeploy');
    } finally {
      watching.dispose();
    }
    assert.deepEqual([...states], ['starting', 'running']);
    assert.equal(await driverState(), 'running');
  });

  it('the same command while it runs joins it, another is refused and names the one that goes on', async () => {
    const own = await services();
    const folder = own.requireFolder();
    let finish: () => void = () => undefined;
    const first = own.jobs.run(
      folder.folder.uri,
      'build',
      'Building',
      () => new Promise<void>((resolve) => (finish = resolve)),
    );
    const joined = run('driver.build');
    const refused = await shownErrors(async () => run('driver.undeploy'));
    finish();
    await first;
    await joined;
    assert.equal(refused.length, 1);
    assert.match(refused[0]?.message ?? '', /"Building" is going on/);
  });

  it('cancelling puts the target back and is not shown as a failure', async () => {
    const own = await services();
    const folder = own.requireFolder();
    const shown = await shownErrors(async () => {
      const reloading = run('driver.reload');
      await until('the work', () => own.jobs.current(folder.folder.uri));
      own.jobs.cancel(folder.folder.uri);
      await reloading;
    });
    assert.deepEqual(
      shown.map(({ name }) => name),
      ['CancelledError'],
    );
    await runWell('driver.deploy');
    assert.equal(await driverState(), 'running');
  });

  it('Stop Driver, Start Driver and Reload Driver follow the service', async () => {
    await runWell('driver.stop');
    assert.equal(await driverState(), 'stopped');
    await runWell('driver.start');
    assert.equal(await driverState(), 'running');
    await runWell('driver.reload');
    assert.equal(await driverState(), 'running');
  });

  it('Run Application records both sides and keeps the trace', async () => {
    const terminals = new Set(vscode.window.terminals);
    await runWell('application.run', 'signals --type synchronization --from dpc --count 3 --period 20');
    const traces = await readdir(path.join(workspace().uri.fsPath, '.eventscope', 'traces'));
    assert.equal(traces.length, 1);
    assert.match(traces[0] ?? '', /signals/);
    const terminal = vscode.window.terminals.find((candidate) => !terminals.has(candidate));
    assert.equal(terminal?.name, 'eventapp');
    terminal.dispose();
  });

  it('what the driver prints comes to the views and passes the filter', async () => {
    const own = await services();
    assert.ok(own.dbgPrint.lines.length > 0, 'the driver says nothing');
  });

  it('an agent that is killed is told, and the next command connects again', async () => {
    const own = await services();
    const { client } = await own.connect();
    const info = await client.request('agent/info', {});
    await client.request('process/end', { process: info.processId, exitCode: 9 }).catch(() => undefined);
    await until('the loss', () => own.folder?.state === 'broken');
    assert.equal(own.problem === undefined ? undefined : idOf(own.problem), 'connection.lost');
    await runWell('target.start');
    assert.equal(own.folder?.state, 'running');
    assert.equal(await driverState(), 'running');
  });

  it('Undeploy takes everything away', async () => {
    await runWell('driver.undeploy');
    assert.equal(await driverState(), undefined);
  });

  it('Stop Target ends the agent, Start Target connects again', async () => {
    const own = await services();
    await runWell('target.stop');
    assert.equal(own.connection, undefined);
    assert.equal(own.folder?.state, 'stopped');
    await runWell('target.start');
    assert.equal(await driverState(), undefined);
  });

  it('Set Up This Machine finds that nothing is missing', async () => {
    await runWell('machine.setUp');
  });

  it('Set Up This Machine says that the path of the setting is wrong, and so does what needs it', async () => {
    const config = vscode.workspace.getConfiguration('eventscope');
    const before = config.get<string>('setup.nodeForWindows');
    await config.update('setup.nodeForWindows', '/nowhere/node.exe', vscode.ConfigurationTarget.Global);
    try {
      assert.deepEqual(await errorsOf('machine.setUp'), ['setup.nodeForWindows']);
      await runWell('target.stop');
      assert.deepEqual(await errorsOf('target.start'), ['setup.nodeForWindows']);
    } finally {
      await config.update('setup.nodeForWindows', before, vscode.ConfigurationTarget.Global);
    }
    await runWell('target.start');
  });

  it('Cancel cancels what goes on in the folder', async () => {
    const own = await services();
    const { folder } = own.requireFolder();
    const work = own.jobs.run(
      folder.uri,
      'endless',
      'Endless',
      ({ signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('cancelled')))),
    );
    await runWell('job.cancel');
    await assert.rejects(work, /cancelled/);
  });

  it('Select Target offers the targets of the project', async () => {
    const choosing = runWell('target.select');
    await delay(500);
    await vscode.commands.executeCommand('workbench.action.acceptSelectedQuickOpenItem');
    await choosing;
    assert.equal((await services()).target?.name, 'wine');
  });

  it('New Shared-Event Project writes a project that needs no change, and only into an empty folder', async () => {
    const folder = vscode.Uri.file(otherFolder());
    await runWell('project.create', folder);
    const sources = await readdir(path.join(folder.fsPath, 'driver', 'sys'));
    assert.ok(sources.includes('entry.c'));
    assert.deepEqual(await errorsOf('project.create', folder), ['project.notEmpty']);
  });

  it('Reset Target asks first, and removes the prefix', async () => {
    const own = await services();
    const prefix = path.join(workspace().uri.fsPath, '.eventscope', 'wine', 'prefix');
    const asked: string[] = [];
    own.confirm = (message) => {
      asked.push(message);
      return Promise.resolve(asked.length > 1);
    };
    await runWell('target.reset');
    assert.ok(existsSync(prefix), 'refused, and reset all the same');
    await runWell('target.reset');
    assert.equal(existsSync(prefix), false);
    assert.deepEqual(asked, ['Reset the target wine?', 'Reset the target wine?']);
  });
});
