import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as vscode from 'vscode';
import { file, until, workspace } from './host.js';

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
    const text = '{ "version": "2.0.0", "tasks": [{ "type": "eventscope", "action": "clean", "label": "make room" }] }';
    const config = file('.vscode', 'tasks.json');
    await vscode.workspace.fs.writeFile(config, Buffer.from(text));
    try {
      const own = await taskNamed('make room');
      assert.ok(existsSync(binary()));
      await execute(own);
      assert.equal(existsSync(binary()), false);
    } finally {
      await vscode.workspace.fs.delete(config);
    }
  });
});
