/** What the window does beyond the views' items: lists to choose from, the debug output, settings in the wrong place, a lost agent. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as vscode from 'vscode';
import { AGENTS, killProcesses } from '../killed-processes.js';
import { services, until, withoutError, workspace } from './host.js';

const run = (name: string, ...args: unknown[]): Thenable<unknown> =>
  vscode.commands.executeCommand(`eventscope.${name}`, ...args);

/** The event that Wine makes in every prefix when it starts. */
const EVENT = {
  object: { name: '__wineboot_event', typeName: 'Event', path: '\\KernelObjects\\__wineboot_event' },
};

/** Runs a command that shows a list, and takes its first line; what that copies. */
async function firstLineOf(name: string): Promise<string> {
  await vscode.env.clipboard.writeText('');
  const shown = withoutError(async () => run(name, EVENT));
  let ended = false;
  void shown.finally(() => {
    ended = true;
  });
  while (!ended) {
    await delay(300);
    await vscode.commands.executeCommand('workbench.action.acceptSelectedQuickOpenItem');
  }
  await shown;
  return vscode.env.clipboard.readText();
}

const outputText = (): string =>
  vscode.workspace.textDocuments
    .filter(({ uri }) => uri.scheme === 'output' && /DbgPrint/.test(decodeURIComponent(uri.path)))
    .map((document) => document.getText())
    .join('');

const prefix = (): string => path.join(workspace().uri.fsPath, '.eventscope', 'wine', 'prefix');

describe('window', () => {
  before(async () => {
    await withoutError(async () => run('target.start'));
    const { client } = await (await services()).connect();
    const { path: eventPath, typeName } = EVENT.object;
    const found = await client.request('object/query', { items: [{ path: eventPath, typeName }] });
    assert.ok(found.objects[0] !== undefined && !('status' in found.objects[0]), 'Wine has no such event');
  });

  it('Copy as C asks for the side, and copies the call that opens the object', async () => {
    assert.match(await firstLineOf('object.copyAsC'), /OpenEventW?\(|NtOpenEvent\(/);
  });

  it('Security tells what is known, or why it is not', async () => {
    assert.match(await firstLineOf('object.showSecurity'), /\S/);
  });

  it('Who Has It Open tells processes and handles', async () => {
    assert.match(await firstLineOf('object.showHolders'), /\(\d+\) 0x[0-9a-f]+ |No process that this agent/);
  });

  it('the debug output is shown, and only what the filter lets through', async () => {
    const own = await services();
    const config = vscode.workspace.getConfiguration('eventscope');
    await run('dbgPrint.open');
    own.dbgPrint.append({ utcMs: Date.now(), text: 'suite: kept line' });
    own.dbgPrint.append({ utcMs: Date.now(), text: 'suite: other line' });
    await until('both lines', () => /kept line[^]*other line/.test(outputText()));
    try {
      await config.update('dbgPrint.filter', '/kept/', vscode.ConfigurationTarget.Global);
      await until('one line', () => /kept line/.test(outputText()) && !/other line/.test(outputText()));
      own.dbgPrint.append({ utcMs: Date.now(), text: 'suite: another' });
      own.dbgPrint.append({ utcMs: Date.now(), text: 'suite: kept too' });
      await until('the new line', () => /kept too/.test(outputText()));
      assert.doesNotMatch(outputText(), /another/);
    } finally {
      await config.update('dbgPrint.filter', undefined, vscode.ConfigurationTarget.Global);
    }
  });

  it('Open Log shows what the extension did', async () => {
    await vscode.commands.executeCommand('workbench.action.closePanel');
    await run('log.open');
    const log = await until('the log', () =>
      vscode.window.visibleTextEditors.find(
        ({ document: { uri } }) =>
          uri.scheme === 'output' && /Eventscope/.test(uri.path) && !/DbgPrint/.test(decodeURIComponent(uri.path)),
      ),
    );
    assert.match(log.document.getText(), /\[info\]/);
  });

  it('an agent that is killed is said, and the next one who asks gets another', async () => {
    const own = await services();
    assert.ok((await killProcesses(prefix(), AGENTS)) > 0);
    await until('the loss', () => own.folder?.state === 'broken');
    assert.match(own.problem?.message ?? '', /The agent is gone/);
    assert.equal(own.connection, undefined);
    await withoutError(async () => run('target.start'));
    assert.equal(own.folder?.state, 'running');
    assert.equal(own.problem, undefined);
    await withoutError(async () => run('target.stop'));
  });
});
