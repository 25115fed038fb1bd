import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as vscode from 'vscode';
import { file, services, until, workspace } from './host.js';

async function task(action: string): Promise<vscode.Task> {
  const tasks = await vscode.tasks.fetchTasks({ type: 'eventscope' });
  const found = tasks.find(({ definition }) => definition['action'] === action);
  assert.ok(found !== undefined, `no task ${action} among ${tasks.map(({ name }) => name).join(', ')}`);
  return found;
}

/** Runs a task to its end; VS Code tells no exit code of a custom execution, so that what it did is looked at. */
async function execute(which: vscode.Task): Promise<void> {
  const ended = new Promise<void>((resolve) => {
    const watching = vscode.tasks.onDidEndTask(({ execution }) => {
      if (execution.task.definition['action'] !== which.definition['action']) return;
      watching.dispose();
      resolve();
    });
  });
  await vscode.tasks.executeTask(which);
  await ended;
}

/** VS Code reads tasks.json again some time after it was written. */
async function taskNamed(name: string): Promise<vscode.Task> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const found = (await vscode.tasks.fetchTasks()).find((candidate) => candidate.name === name);
    if (found !== undefined) return found;
    await delay(100);
  }
  assert.fail(`no task ${name}`);
}

const binary = (): string => path.join(workspace().uri.fsPath, '.eventscope', 'build', 'default', 'eventsys.sys');

/** Writes tasks.json, and takes it away after the work. */
async function withTasks(tasks: readonly object[], work: () => Promise<void>): Promise<void> {
  const config = file('.vscode', 'tasks.json');
  await vscode.workspace.fs.writeFile(config, Buffer.from(JSON.stringify({ version: '2.0.0', tasks })));
  try {
    await work();
  } finally {
    await vscode.workspace.fs.delete(config);
  }
}

/** What happens, in order, while a debug session that has a preLaunchTask is started; the session is ended at once. */
async function debugAfter(preLaunchTask: string): Promise<string[]> {
  const happened: string[] = [];
  const ended: vscode.Disposable[] = [
    vscode.tasks.onDidEndTask(({ execution }) => happened.push(`task ${execution.task.name} ended`)),
    vscode.debug.onDidStartDebugSession((session) => {
      happened.push('session started');
      void vscode.debug.stopDebugging(session);
    }),
    vscode.debug.onDidTerminateDebugSession(() => happened.push('session ended')),
  ];
  try {
    const configuration = {
      type: 'eventscope',
      request: 'launch',
      name: 'after a task',
      application: false,
      preLaunchTask,
    };
    const started = await vscode.debug.startDebugging(workspace(), configuration);
    await until('the end of the task', () => happened.some((what) => what.startsWith('task ')));
    if (started) await until('the end of the session', () => happened.includes('session ended'), 60_000);
  } finally {
    for (const watching of ended) watching.dispose();
  }
  return happened;
}

async function driverState(): Promise<string | undefined> {
  const { client } = await (await services()).connect();
  return (await client.request('service/query', { name: 'eventsys' })).status?.state;
}

describe('tasks', () => {
  it('are provided for each folder with a project', async () => {
    const tasks = await vscode.tasks.fetchTasks({ type: 'eventscope' });
    assert.deepEqual(tasks.map(({ name }) => name).sort(), ['build', 'clean', 'deploy', 'undeploy']);
    for (const { scope, problemMatchers } of tasks) {
      assert.equal((scope as vscode.WorkspaceFolder).name, workspace().name);
      assert.deepEqual(problemMatchers, ['$eventscope']);
    }
  });

  it('build, and the problem matcher puts a compiler error at its line', async () => {
    const source = file('driver', 'sys', 'pool.c');
    const before = await readFile(source.fsPath, 'utf8');
    try {
      await writeFile(source.fsPath, `${before}int broken = nothing_of_that_name;\n`);
      await execute(await task('build'));
      const problem = await until('a problem', () =>
        vscode.languages.getDiagnostics(source).find(({ message }) => message.includes('nothing_of_that_name')),
      );
      assert.equal(problem.range.start.line, before.split('\n').length - 1);
      assert.equal(problem.severity, vscode.DiagnosticSeverity.Error);
    } finally {
      await writeFile(source.fsPath, before);
    }
    await execute(await task('build'));
    await until('no problem', () => vscode.languages.getDiagnostics(source).length === 0);
    assert.ok(existsSync(binary()));
  });

  it('one of tasks.json is run', async () => {
    await withTasks([{ type: 'eventscope', action: 'clean', label: 'make room' }], async () => {
      const own = await taskNamed('make room');
      assert.ok(existsSync(binary()));
      await execute(own);
      assert.equal(existsSync(binary()), false);
    });
  });

  it('deploy and undeploy, each to its end', async () => {
    await execute(await task('deploy'));
    assert.equal(await driverState(), 'running');
    await execute(await task('undeploy'));
    assert.equal(await driverState(), undefined);
  });

  it('preLaunchTask names one of ours, provided or of tasks.json: it has ended before the session starts', async () => {
    await execute(await task('clean'));
    assert.deepEqual(await debugAfter('eventscope: build'), ['task build ended', 'session started', 'session ended']);
    assert.ok(existsSync(binary()));
    await withTasks([{ type: 'eventscope', action: 'deploy', label: 'put it there' }], async () => {
      await taskNamed('put it there');
      assert.equal((await debugAfter('put it there'))[0], 'task put it there ended');
    });
    assert.equal(await driverState(), 'running');
  });

  it('a preLaunchTask that fails starts no session', async () => {
    const source = file('driver', 'sys', 'pool.c');
    const before = await readFile(source.fsPath, 'utf8');
    const config = vscode.workspace.getConfiguration('debug');
    await config.update('onTaskErrors', 'abort', vscode.ConfigurationTarget.Global);
    try {
      await writeFile(source.fsPath, `${before}int broken = nothing_of_that_name;\n`);
      assert.deepEqual(await debugAfter('eventscope: build'), ['task build ended']);
    } finally {
      await writeFile(source.fsPath, before);
      await config.update('onTaskErrors', undefined, vscode.ConfigurationTarget.Global);
      await execute(await task('build'));
    }
  });
});
