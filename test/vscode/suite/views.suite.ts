import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import * as vscode from 'vscode';
import type { Fact } from '../../../extension/views/facts.js';
import type { ObjectsNode } from '../../../extension/views/object-nodes.js';
import type { PointsNode } from '../../../extension/views/points-view.js';
import type { Views } from '../../../extension/views/register.js';
import { extension, file, idOf, services, shownErrors, until, withoutError } from './host.js';

const EVENT = 'SuiteEvent';
const PATH = `\\BaseNamedObjects\\${EVENT}`;

const run = (name: string, ...args: unknown[]): Thenable<unknown> =>
  vscode.commands.executeCommand(`eventscope.${name}`, ...args);

async function views(): Promise<Views> {
  const { views: own } = await extension().activate();
  assert.ok(own !== undefined, 'this is no test host');
  return own;
}

const labelOf = (item: vscode.TreeItem): string =>
  typeof item.label === 'string' ? item.label : (item.label?.label ?? '');

/** Every item of a tree has a name for who cannot see it. */
function checked(item: vscode.TreeItem): vscode.TreeItem {
  assert.ok((item.accessibilityInformation?.label ?? '') !== '', `${labelOf(item)} has no accessible name`);
  assert.ok(item.id !== undefined && item.id !== '', `${labelOf(item)} has no id`);
  return item;
}

async function objectItems(node?: ObjectsNode): Promise<{ node: ObjectsNode; item: vscode.TreeItem }[]> {
  const { objects } = await views();
  return (await objects.getChildren(node)).map((child) => ({ node: child, item: checked(objects.getTreeItem(child)) }));
}

async function find(label: string, node?: ObjectsNode): Promise<{ node: ObjectsNode; item: vscode.TreeItem }> {
  const items = await objectItems(node);
  const found = items.find(({ item }) => labelOf(item) === label);
  assert.ok(found !== undefined, `${label} is not among ${items.map(({ item }) => labelOf(item)).join(', ')}`);
  return found;
}

const event = async () => find(EVENT, (await find('\\BaseNamedObjects')).node);

/** The application with an event of that name, which the driver signals for a long time. */
async function shareEvent(): Promise<number> {
  const { client, target } = await (await services()).connect();
  const { process } = await client.request('process/start', {
    program: `${target.folder}\\bin\\eventapp.exe`,
    arguments: [
      'app-name',
      '--strict',
      '--name',
      EVENT,
      '--type',
      'notification',
      '--count',
      '1000',
      '--period',
      '10000',
      // Its waits must not end before the signals that they are for.
      '--timeout',
      '600000',
    ],
    workingFolder: `${target.folder}\\bin`,
    endWithAgent: true,
  });
  return process;
}

async function facts(view: 'target' | 'driver'): Promise<Map<string, Fact>> {
  const own = (await views())[view];
  const found = new Map<string, Fact>();
  const take = async (fact?: Fact): Promise<void> => {
    for (const child of await own.getChildren(fact)) {
      checked(own.getTreeItem(child));
      found.set(child.id, child);
      await take(child);
    }
  };
  await take();
  return found;
}

/** Runs actions of the workbench in turn in the list that is shown, until what asked with it has ended. */
async function pressUntil(actions: readonly string[], ended: Thenable<unknown>): Promise<void> {
  await delay(500);
  for (const action of actions) await vscode.commands.executeCommand(`workbench.action.${action}`);
  await ended;
}

describe('views', () => {
  let application: number;

  before(async () => {
    await withoutError(async () => run('driver.buildAndDeploy'));
    await run('objects.focus');
    application = await shareEvent();
    const { client } = await (await services()).connect();
    const items = [{ path: PATH, typeName: 'Event' }];
    let found = false;
    while (!found) {
      const { objects } = await client.request('object/query', { items });
      found = objects[0] !== undefined && !('status' in objects[0]);
    }
    await run('views.refresh');
  });
  after(async () => {
    const { client } = await (await services()).connect();
    await client.request('process/end', { process: application, exitCode: 0 }).catch(() => undefined);
  });

  it('Target tells health, agent, VM and KD link', async () => {
    const all = await facts('target');
    assert.match(all.get('target')?.context ?? '', /\bstoppable\b/);
    assert.equal(all.get('health')?.value, 'running');
    assert.match(all.get('agent')?.value ?? '', /^process \d+, session \d+$/);
    assert.ok(all.has('vm'));
    assert.match(all.get('kd')?.tooltip ?? '', /not available on this target: .+/);
  });

  it('Named Objects begins with the directories that matter, then the whole namespace', async () => {
    const labels = (await objectItems()).map(({ item }) => labelOf(item));
    assert.deepEqual([labels[0], labels.at(-1)], ['\\BaseNamedObjects', '\\']);
    assert.match(labels[1] ?? '', /^\\Sessions\\\d+\\BaseNamedObjects$/);
  });

  it('an event has its state and handles behind it, and the driver’s mark', async () => {
    const own = await views();
    await until('the driver’s mark', () => own.objects.states.of({ name: EVENT, typeName: 'Event', path: PATH }));
    await own.objectsRefresh.refresh();
    for (let round = 0; round < 5; round++) await own.objectsRefresh.refresh();
    const { item } = await event();
    assert.match(String(item.description), /shared by the driver · (not )?signaled, notification · \d+ handles?/);
    assert.match(item.contextValue ?? '', /\bobject event\b.*\bshared\b/);
    assert.match(item.accessibilityInformation?.label ?? '', /^SuiteEvent, Event, shared by the driver/);
  });

  it('links are resolved and lead on; directories open', async () => {
    const link = await find('Global', (await find('\\BaseNamedObjects')).node);
    assert.equal(link.item.description, '-> \\BaseNamedObjects');
    assert.notEqual(link.item.collapsibleState, vscode.TreeItemCollapsibleState.None);
    await find(EVENT, link.node);
    const device = await find('Device', (await find('\\')).node);
    await find('EventSys', device.node);
  });

  it('Signal, Reset and Pulse change the event, and the tree shows it', async () => {
    // One that nobody waits for after the prefix's start: a waiter would take the signal back at once.
    const { objects } = await views();
    objects.filter.setText('__wineboot_event');
    const found = async () =>
      (await objectItems()).find(({ item }) => labelOf(item) === '__wineboot_event' && item.description !== '');
    await objectItems();
    await until('the index', () => objects.filter.message?.includes('1 of') === true);
    const [first] = await objectItems();
    assert.ok(first !== undefined);
    await withoutError(async () => run('object.reset', first.node));
    assert.match(String((await found())?.item.description), /^not signaled/);
    await withoutError(async () => run('object.signal', first.node));
    assert.match(String((await found())?.item.description), /^signaled/);
    await withoutError(async () => run('object.pulse', first.node));
    assert.match(String((await found())?.item.description), /^not signaled/);
    await run('object.signal', first.node);
    await run('objects.clearFilter');
  });

  it('Copy Object Path copies the path', async () => {
    await run('object.copyPath', (await event()).node);
    assert.equal(await vscode.env.clipboard.readText(), PATH);
  });

  it('a favorite is kept on top until it is removed', async () => {
    const { node } = await event();
    await run('object.addFavorite', node);
    const [first] = await objectItems();
    assert.equal(first === undefined ? '' : labelOf(first.item), 'Favorites');
    const kept = await find(EVENT, first?.node);
    assert.match(kept.item.contextValue ?? '', /\bfavorite\b/);
    assert.match(String(kept.item.description), /BaseNamedObjects$/);
    await run('object.removeFavorite', kept.node);
    assert.notEqual(labelOf((await objectItems())[0]?.item ?? new vscode.TreeItem('')), 'Favorites');
  });

  it('the filter finds an object anywhere, and by type', async () => {
    const { objects } = await views();
    objects.filter.setText('suiteev');
    await objectItems();
    await until('the result', () => objects.filter.message?.includes('1 of') === true);
    const found = await find(EVENT);
    assert.match(String(found.item.description), /\\BaseNamedObjects$/);
    objects.filter.setTypes(['Mutant']);
    assert.deepEqual(await objectItems(), []);
    await run('objects.clearFilter');
    assert.equal(labelOf((await objectItems())[0]?.item ?? new vscode.TreeItem('')), '\\BaseNamedObjects');
  });

  it('a favorite that is not there now says so, and what stands beside it has its state', async () => {
    const { objects } = await views();
    const gone = { name: 'Gone', typeName: 'Event', path: '\\BaseNamedObjects\\Gone' };
    await objects.favorites.add(gone);
    await run('object.addFavorite', (await event()).node);
    const [list] = await objectItems();
    assert.equal(list === undefined ? '' : labelOf(list.item), 'Favorites');
    assert.match(
      String((await find('Gone', list?.node)).item.description),
      /^cannot be opened: STATUS_OBJECT_NAME_NOT_FOUND/,
    );
    const there = await find(EVENT, list?.node);
    assert.match(String(there.item.description), /signaled/);
    await objects.favorites.remove(gone);
    await run('object.removeFavorite', there.node);
  });

  it('the KD link of a launch configuration is shown, without its key', async () => {
    const launch = file('.vscode', 'launch.json');
    const kernel = { type: 'eventscope', request: 'attach', name: 'Kernel', kd: { connect: 'net:50000,key=1.2.3.4' } };
    await vscode.workspace.fs.writeFile(
      launch,
      Buffer.from(JSON.stringify({ version: '0.2.0', configurations: [kernel] })),
    );
    try {
      // Facts that are there are told at once: without a pause nothing else in the host would have its turn.
      while ((await facts('target')).get('kd')?.value !== 'net:50000') await delay(50);
    } finally {
      await vscode.workspace.fs.delete(launch);
    }
  });

  it('Filter Objects by Type offers the types, and what is chosen is shown alone', async () => {
    const { objects } = await views();
    const asked = run('objects.filterByType');
    const keys = ['quickOpenSelectNext', 'quickPickManyToggle', 'acceptSelectedQuickOpenItem'];
    await pressUntil(keys, asked);
    const [only] = objects.filter.types;
    assert.deepEqual([objects.filter.types.size, objects.filter.message], [1, `Only ${only ?? ''}`]);
    const shown = (await objectItems((await find('\\BaseNamedObjects')).node)).flatMap(({ node }) =>
      node.kind === 'object' ? [node.entry.typeName] : [],
    );
    assert.deepEqual(
      [...new Set(shown)].filter((type) => type !== 'Directory'),
      [only],
    );
    await run('objects.clearFilter');
    assert.equal(objects.filter.message, undefined);
  });

  it('Toggle Automatic Refresh turns the setting, and back', async () => {
    const isOn = () => vscode.workspace.getConfiguration('eventscope').get<boolean>('objects.autoRefresh');
    const before = isOn();
    await withoutError(async () => run('objects.toggleAutoRefresh'));
    assert.equal(isOn(), before !== true);
    await withoutError(async () => run('objects.toggleAutoRefresh'));
    assert.equal(isOn(), before);
  });

  it('an object that vanished between listing and asking is shown as such', async () => {
    const gone = { name: 'Gone', typeName: 'Event', path: '\\BaseNamedObjects\\Gone' };
    const errors = await shownErrors(async () => run('object.signal', { object: gone }));
    assert.deepEqual(errors.map(idOf), ['object.change']);
    assert.match(errors[0]?.message ?? '', /STATUS_OBJECT_NAME_NOT_FOUND/);
  });

  it('the namespace is not searched while a trace records', async () => {
    const own = await services();
    const { objects } = await views();
    objects.filter.forget();
    await own.whileTracing(async () => {
      objects.filter.setText('suite');
      await objectItems();
      await until('the reason', () => objects.filter.message?.includes('not searched while a trace records'));
      assert.deepEqual(await objectItems(), []);
    });
    await run('objects.clearFilter');
    objects.filter.forget();
  });

  it('Driver tells service, image, device, link, shared events, counters and what cannot be told', async () => {
    await run('driver.focus');
    const all = await facts('driver');
    assert.equal(all.get('service')?.value, 'running');
    assert.equal(all.get('service')?.context, 'driverRunning');
    assert.match(all.get('image')?.value ?? '', /^at 0x[0-9a-f]+ in winedevice\.exe \(\d+\)/);
    assert.equal(all.get('device')?.value, '\\Device\\EventSys');
    assert.equal(all.get('link')?.value, '\\??\\EventSys -> \\Device\\EventSys');
    assert.match(all.get('dispatch')?.tooltip ?? '', /not available on this target: .+/);
    const shared = [...all.values()].find(({ object }) => object?.path === PATH);
    assert.match(shared?.value ?? '', /^name, strict · notification · \d+ signals$/);
    assert.equal(all.get('requests')?.value, 'none');
    assert.ok(all.has('counter-handles') && all.has('dbgprint'));
  });

  it('Driver shows that the driver was stopped from outside', async () => {
    const own = await services();
    const { client } = await own.connect();
    await client.request('process/end', { process: application, exitCode: 0 });
    await client.request('service/stop', { name: 'eventsys', timeoutMs: 10_000 });
    const { objectsRefresh } = await views();
    for (let round = 0; round < 5; round++) await objectsRefresh.refresh();
    const all = await facts('driver');
    assert.deepEqual([all.get('service')?.value, all.get('service')?.context], ['stopped', 'driverStopped']);
    assert.equal(all.has('events'), false);
  });

  it('Signal and Wait Points are grouped by object and by side, and lead to their places', async () => {
    const { points } = await views();
    const items = async (node?: PointsNode) =>
      (await points.getChildren(node)).map((child) => ({ node: child, item: checked(points.getTreeItem(child)) }));
    await points.group('side');
    assert.deepEqual(
      (await items()).map(({ item }) => labelOf(item)),
      ['Driver', 'Application'],
    );
    await points.group('object');
    const groups = await items();
    const started = groups.find(({ item }) => labelOf(item) === 'Started');
    assert.ok(started !== undefined);
    const calls = await items(started.node);
    const wait = calls.find(({ item }) => labelOf(item) === 'KeWaitForSingleObject');
    assert.match(String(wait?.item.description), /ThreadStart · .*buffers\.c:\d+$/);
    const command = wait?.item.command;
    assert.ok(command !== undefined);
    await vscode.commands.executeCommand(command.command, ...(command.arguments as unknown[]));
    const editor = await until('the editor', () => vscode.window.activeTextEditor);
    assert.equal(editor.document.getText(editor.selection), 'KeWaitForSingleObject');
  });

  it('points follow an edit, and a CodeLens says what each call does', async () => {
    const document = await vscode.workspace.openTextDocument(file('driver', 'sys', 'pool.c'));
    const editor = await vscode.window.showTextDocument(document);
    const lenses = async (): Promise<string[]> => {
      const found = await vscode.commands.executeCommand<vscode.CodeLens[]>(
        'vscode.executeCodeLensProvider',
        document.uri,
      );
      return found.map(({ command }) => command?.title ?? '');
    };
    assert.deepEqual(await lenses(), []);
    await editor.edit((edit) =>
      edit.insert(
        new vscode.Position(document.lineCount, 0),
        'VOID Edited(EXT *e) { KeSetEvent(&e->Edited, 0, FALSE); }\n',
      ),
    );
    try {
      assert.deepEqual(await lenses(), ['signal point: wakes waiters of Edited', 'break here']);
      const config = vscode.workspace.getConfiguration('eventscope');
      await config.update('points.codeLens', false, vscode.ConfigurationTarget.Global);
      assert.deepEqual(await lenses(), []);
      await config.update('points.codeLens', undefined, vscode.ConfigurationTarget.Global);
    } finally {
      await run('views.refresh');
      await vscode.commands.executeCommand('workbench.action.files.revert');
    }
  });

  it('Toggle Breakpoint at Point sets one at the line and takes it away, and the CodeLens says which', async () => {
    const uri = file('driver', 'sys', 'events.c');
    const { sources } = await views();
    const document = await vscode.workspace.openTextDocument(uri);
    const [point] = await sources.ofDocument(document);
    assert.ok(point !== undefined);
    const places = () =>
      vscode.debug.breakpoints.flatMap((breakpoint) =>
        breakpoint instanceof vscode.SourceBreakpoint && breakpoint.location.uri.toString() === uri.toString()
          ? [breakpoint.location.range.start.line]
          : [],
      );
    const lens = async (): Promise<string | undefined> =>
      (await vscode.commands.executeCommand<vscode.CodeLens[]>('vscode.executeCodeLensProvider', uri)).find(
        ({ range, command }) =>
          range.start.line === point.line && command?.command === 'eventscope.point.toggleBreakpoint',
      )?.command?.title;
    assert.equal(await lens(), 'break here');
    await run('point.toggleBreakpoint', uri, point.line);
    await until('the breakpoint', () => places().includes(point.line));
    assert.equal(await lens(), 'remove breakpoint');
    await run('point.toggleBreakpoint', uri, point.line);
    await until('no breakpoint', () => places().length === 0);
  });

  it('without an agent the trees are empty, and say so by their welcome', async () => {
    await withoutError(async () => run('target.stop'));
    assert.deepEqual(await objectItems(), []);
    assert.equal((await facts('driver')).size, 0);
    assert.match((await facts('target')).get('target')?.context ?? '', /\bstartable\b/);
  });
});
