/** The editor of traces: real recordings, damaged ones, several at once, and messages that do not fit. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as vscode from 'vscode';
import type { TimelineParts } from '../../../extension/timeline/register.js';
import type { TimelineView } from '../../../extension/timeline/timeline-view.js';
import { corpusFile, extension, file, otherFolder, until, withoutError, workspace } from './host.js';

const EDITOR = 'eventscope.evtrace';

describe('timeline', () => {
  let parts: TimelineParts;

  before(async () => {
    const { timeline } = await extension().activate();
    assert.ok(timeline !== undefined, 'this is no test host');
    parts = timeline;
    // Those before may have left something open.
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
  });
  afterEach(async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    await until('the timelines are closed', () => parts.timelines.all.length === 0);
  });

  /** In the order of what it shows, once the page has answered for each. */
  async function shown(view: TimelineView): Promise<{ problems: readonly string[]; failed: boolean }[]> {
    return until('the page has answered', () => {
      const all = view.shown.filter((one) => one !== undefined);
      return all.length === view.sources.length && all;
    });
  }
  async function openInEditor(uri: vscode.Uri): Promise<TimelineView> {
    await vscode.commands.executeCommand('vscode.open', uri);
    return until('the editor is there', () => parts.timelines.current);
  }
  async function damaged(name: string, change: (bytes: Buffer) => Buffer): Promise<vscode.Uri> {
    const place = path.join(otherFolder(), name);
    await writeFile(place, change(await readFile(corpusFile('shared-buffer.evtrace'))));
    return vscode.Uri.file(place);
  }

  it('a trace opens in the timeline by its name, without a problem', async () => {
    const view = await openInEditor(vscode.Uri.file(corpusFile('shared-buffer.evtrace')));
    assert.deepEqual(await shown(view), [{ problems: [], failed: false }]);
    const tab = vscode.window.tabGroups.activeTabGroup.activeTab;
    assert.ok(tab?.input instanceof vscode.TabInputCustom);
    assert.equal(tab.input.viewType, EDITOR);
    assert.ok((await view.callers()).some((caller) => /^eventsys\.sys\+0x[0-9a-f]+$/.test(caller)));
  });

  it('a trace that was cut says so, and shows what is left', async () => {
    const view = await openInEditor(await damaged('cut.evtrace', (bytes) => bytes.subarray(0, bytes.length - 900)));
    const [{ problems, failed } = assert.fail()] = await shown(view);
    assert.equal(failed, false);
    assert.match(problems.join('\n'), /cut|end mark/i);
  });

  it('a file that promises more than it has, and one that is no trace, are refused in words', async () => {
    for (const [name, change] of [
      ['promise.evtrace', (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 12), Buffer.alloc(64, 0xff)])],
      ['text.evtrace', () => Buffer.from('<script>alert(1)</script>')],
      ['empty.evtrace', () => Buffer.alloc(0)],
    ] as const) {
      const view = await openInEditor(await damaged(name, change));
      const [{ problems, failed } = assert.fail()] = await shown(view);
      assert.equal(failed, true, name);
      assert.match(problems.join('\n'), /\.evtrace/, name);
      await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
    }
  });

  it('a file that vanished is said, by the page too', async () => {
    const [view] = await Promise.all([
      parts.timelines.open([vscode.Uri.file(path.join(otherFolder(), 'gone.evtrace'))]),
    ]);
    const [{ problems, failed } = assert.fail()] = await shown(view);
    assert.equal(failed, true);
    assert.match(problems.join('\n'), /gone\.evtrace.*ENOENT/);
  });

  it('several are shown on one axis, and two compared', async () => {
    const files = ['wrong-name.evtrace', 'app-name-strict.evtrace'].map((name) => vscode.Uri.file(corpusFile(name)));
    await withoutError(async () => vscode.commands.executeCommand('eventscope.timeline.compare', files[0], files));
    const view = parts.timelines.requireCurrent();
    assert.deepEqual(
      (await shown(view)).map(({ failed }) => failed),
      [false, false],
    );
    assert.equal(view.sources.length, 2);
  });

  it('is exported in the four formats, to the file that is chosen', async () => {
    const view = await openInEditor(vscode.Uri.file(corpusFile('shared-buffer.evtrace')));
    await shown(view);
    const usual = parts.requests.chooseFile;
    const kept: string[] = [];
    parts.requests.chooseFile = (name) => {
      kept.push(path.join(otherFolder(), name));
      return Promise.resolve(vscode.Uri.file(path.join(otherFolder(), name)));
    };
    try {
      const begins = { chrome: /^\{"displayTimeUnit"/, csv: /^time,/, svg: /^<svg/, png: /^\ufffdPNG/ };
      for (const [kind, begin] of Object.entries(begins)) {
        const before = kept.length;
        await vscode.commands.executeCommand('eventscope.timeline.export', kind);
        const place = await until(`${kind} was asked for`, () => kept.slice(before)[0]);
        let text = '';
        await until(`${kind} was written`, () => {
          void readFile(place, 'utf8').then(
            (read) => (text = read),
            () => undefined,
          );
          return text !== '';
        });
        assert.match(text, begin);
      }
    } finally {
      parts.requests.chooseFile = usual;
    }
  });

  it('messages of the page that do not fit are refused, and change nothing', async () => {
    const view = await openInEditor(vscode.Uri.file(corpusFile('shared-buffer.evtrace')));
    await shown(view);
    const columns = vscode.window.visibleTextEditors.length;
    for (const message of [
      null,
      'open',
      { type: 'openSource', caller: 7, beside: true },
      { type: 'openSource', caller: 'x'.repeat(40_000), beside: true },
      { type: 'export', name: 'x', mediaType: 'y', content: { length: 5 } },
      { type: 'exec', command: 'workbench.action.reloadWindow' },
    ]) {
      view.receive(message);
    }
    assert.equal(view.refused.length, 6);
    assert.equal(vscode.window.visibleTextEditors.length, columns);
  });

  it('stops of the debugger are kept with their time and reason', () => {
    const { stops } = parts;
    stops.take({ type: 'event', event: 'stopped', body: { reason: 'breakpoint', threadId: 1 } }, 1_000);
    assert.deepEqual(stops.all.at(-1), { fromUtcMs: 1_000, untilUtcMs: null, reason: 'breakpoint' });
    stops.take({ type: 'response', command: 'continue', success: true }, 1_500);
    assert.deepEqual(stops.within(1_200, 9_000), [{ fromUtcMs: 1_200, untilUtcMs: 1_500, reason: 'breakpoint' }]);
    assert.deepEqual(stops.within(2_000, 9_000), []);
  });

  it('a caller leads to its line, and the line to the caller; not in a build that was not recorded', async () => {
    const { services } = await extension().activate();
    const project = await services?.folderOf(workspace().uri)?.requireProject();
    assert.ok(project !== undefined);
    await vscode.commands.executeCommand('eventscope.driver.build');
    // Every call of the sample's own recording that is on a line, from its first function on.
    const callers = Array.from({ length: 600 }, (_, at) => `eventsys.sys+0x${(0x1000 + at * 16).toString(16)}`);
    let place;
    for (const caller of callers) place ??= await parts.links.placeOf(project, caller, {});
    assert.ok(place !== undefined, 'no address of the driver has a line');
    assert.ok(place.file.path.startsWith(file('driver').path), place.file.path);
    const found = await parts.links.callersOn(project, callers, place, {});
    assert.ok(found.length > 0);
    await assert.rejects(parts.links.placeOf(project, callers[0] ?? '', { 'eventsys.sys': 'another' }), /built again/);
    assert.equal(await parts.links.placeOf(project, 'ntdll.dll+0x10', {}), undefined);
  });
});
