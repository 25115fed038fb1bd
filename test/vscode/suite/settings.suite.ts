import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { readSetting } from '../../../extension/settings.js';
import { file, services, settingsFile, shownErrors, until } from './host.js';

const problems = (): vscode.Diagnostic[] =>
  vscode.languages.getDiagnostics(file('.vscode', 'settings.json')).filter(({ source }) => source === 'eventscope');

async function problemWith(text: string): Promise<vscode.Diagnostic> {
  return until(`a problem with ${text}`, () => problems().find(({ message }) => message.includes(text)));
}

describe('settings', () => {
  afterEach(async () => {
    await settingsFile(undefined);
    const own = await services();
    await until('the sample again', () => own.project !== undefined && problems().length === 0);
  });

  it('a wrong value of the project is told at its line, and nothing crashes', async () => {
    await settingsFile(
      '{\n  "eventscope.targets": [\n    { "name": "lab", "kind": "ssh", "host": "-x", "user": "me" }\n  ]\n}\n',
    );
    const problem = await problemWith('eventscope.targets[0].host');
    assert.equal(problem.range.start.line, 2);
    assert.equal(problem.severity, vscode.DiagnosticSeverity.Error);
    const shown = await shownErrors(async () => vscode.commands.executeCommand('eventscope.driver.build'));
    assert.match(shown[0]?.message ?? '', /eventscope\.targets\[0\]\.host/);
  });

  it('a file that is no JSON is told at its line', async () => {
    await settingsFile('{\n  "eventscope.targets": [\n}\n');
    const problem = await problemWith('is not JSON');
    assert.ok(problem.range.start.line >= 1);
  });

  it('an unknown setting of ours is told', async () => {
    await settingsFile('{\n  "eventscope.objects.autoRefersh": true\n}\n');
    const problem = await problemWith('eventscope.objects.autoRefersh');
    assert.equal(problem.severity, vscode.DiagnosticSeverity.Warning);
    assert.equal(problem.range.start.line, 1);
  });

  it('a wrong value of another setting is told, and its default is taken', async () => {
    await settingsFile('{ "eventscope.objects.refreshInterval": 3 }');
    await problemWith('at least 250 ms');
    assert.equal(readSetting('objects.refreshInterval'), 1_000);
  });

  it('a target that is added can be chosen without a reload', async () => {
    const own = await services();
    await settingsFile('{ "eventscope.targets": [{ "name": "second", "kind": "wine" }] }');
    await until('two targets', () => own.project?.targets.length === 2);
    assert.deepEqual(
      own.project?.targets.map(({ name }) => name),
      ['wine', 'second'],
    );
  });
});
