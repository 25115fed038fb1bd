/** The views of the sidebar with their commands, and what the editor shows of signal and wait points. */
import * as vscode from 'vscode';
import * as v from 'valibot';
import type { LockRole } from '../../protocol/agent-rpc.js';
import type { ListedEntry } from '../../target/namespace-directory.js';
import type { Operation } from '../../target/target.js';
import { asError } from '../../target/operation.js';
import { ChosenPoints } from '../debug/chosen-points.js';
import { breakOnObject } from '../debug/flow-commands.js';
import { registerPointEditors } from '../source/point-lenses.js';
import { WorkspacePoints } from '../source/workspace-points.js';
import { DriverWatch } from './driver-watch.js';
import type { Fact, Localize } from './facts.js';
import { FactsView } from './facts-view.js';
import { kernelLinksOf } from './kernel-links.js';
import type { ObjectCommandName } from './object-commands.js';
import { ObjectNode } from './object-nodes.js';
import { ObjectsRefresh } from './objects-refresh.js';
import { ObjectsView } from './objects-view.js';
import { type ObjectChoiceNode, openPoint, PointsView } from './points-view.js';
import type { AgentConnection, ViewServices } from './services.js';
import { kernelLinksFact, type TargetAccount, targetFacts } from './target-facts.js';

const localize: Localize = (text, ...values) => vscode.l10n.t(text, ...values);

/** What the tests of the views look at. */
export interface Views {
  dispose(): void;
  readonly target: FactsView;
  readonly objects: ObjectsView;
  readonly objectsRefresh: ObjectsRefresh;
  readonly driver: FactsView;
  readonly points: PointsView;
  readonly sources: WorkspacePoints;
  readonly chosen: ChosenPoints;
}

export function registerViews(services: ViewServices): Views {
  const watch = new DriverWatch(services);
  const target = new FactsView('eventscope.target', services, targetLoader(services));
  const objects = new ObjectsView(services, watch);
  const driver = new FactsView('eventscope.driver', services, (operation) => loadDriver(services, watch, operation));
  const objectsRefresh = new ObjectsRefresh(services, objects, watch);
  objectsRefresh.driverVisible = () => driver.tree.visible;
  const sources = new WorkspacePoints(services.context, services.log);
  const chosen = new ChosenPoints(services.context.workspaceState, sources);
  const points = new PointsView(sources, services.context.workspaceState, chosen);
  const refreshAll = (): void => {
    target.refresh();
    watchAgain(services, watch, objects);
    objects.refreshAll();
    driver.refresh();
    sources.searchAgain();
  };
  const subscriptions = vscode.Disposable.from(
    ...[watch, target, objects, objectsRefresh, driver, points, chosen, sources],
    registerPointEditors(services.context, sources, services.log),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('launch')) target.refresh();
    }),
    services.onDidChangeTarget(() => {
      const source = services.connection?.stoppedKernel === undefined ? '' : vscode.l10n.t('stopped kernel');
      objects.tree.description = source;
      driver.tree.description = source;
      target.refresh();
      watchAgain(services, watch, objects);
    }),
    watch.onDidChange(() => driver.refresh()),
    services.dbgPrint.onDidAppend(() => driver.refresh()),
    driver.tree.onDidChangeVisibility(({ visible }) => {
      if (visible) watchAgain(services, watch, objects);
      objectsRefresh.schedule();
    }),
    target.tree.onDidChangeVisibility(({ visible }) => {
      if (visible) target.refresh();
    }),
    ...viewCommands(services, { objects, objectsRefresh, points, chosen, refreshAll }),
  );
  return {
    target,
    objects,
    objectsRefresh,
    driver,
    points,
    sources,
    chosen,
    dispose: () => void subscriptions.dispose(),
  };
}

/** The driver may have changed: what it tells is asked anew, when one of the views that show it can be seen. */
function watchAgain(services: ViewServices, watch: DriverWatch, objects: ObjectsView): void {
  if (services.connection === undefined) {
    watch.refresh(objects.operation).catch(() => undefined);
    return;
  }
  watch.refresh(objects.operation).catch((error: unknown) => {
    services.log.warn(`The driver could not be asked: ${asError(error).message}`);
  });
}

type AgentAccount = Pick<TargetAccount, 'health' | 'agent' | 'holders'>;
const NO_AGENT: AgentAccount = { health: undefined, agent: undefined, holders: [] };

function targetLoader(services: ViewServices): (operation: Operation) => Promise<readonly Fact[]> {
  let known = NO_AGENT;
  return async (operation) => {
    const { project, target, connection, kernelSessions } = services;
    const settings = project?.targets.find(({ name }) => name === target?.name);
    if (project === undefined || target === undefined || settings === undefined) {
      // A kernel is debugged without a project too.
      if (project !== undefined || kernelSessions.length === 0) return [];
      const [folder] = vscode.workspace.workspaceFolders ?? [];
      return [kernelLinksFact(kernelLinksOf(folder?.uri, kernelSessions), localize)];
    }
    if (connection === undefined) known = NO_AGENT;
    // The agent may stand still with a machine that a kernel debugger holds: what it told last is shown meanwhile.
    else if (connection.stoppedKernel === undefined) known = await askAgent(connection, operation);
    const kernelLinks = kernelLinksOf(vscode.Uri.file(project.folder), kernelSessions);
    return targetFacts({ settings, ...known, problem: services.problem?.message, kernelLinks }, localize);
  };
}

async function askAgent({ project, target, client }: AgentConnection, operation: Operation): Promise<AgentAccount> {
  const roles: readonly LockRole[] = ['tracer', 'deployer', 'debugger'];
  const [health, agent, ...held] = await Promise.all([
    target.health(operation),
    client.request('agent/info', {}, { signal: operation.signal }),
    ...roles.map((role) =>
      client.request('lock/query', { role, subject: project.driver.service }, { signal: operation.signal }),
    ),
  ]);
  const holders = held.flatMap(({ holder }, index) => {
    const role = roles[index];
    return holder === undefined || role === undefined ? [] : [{ role, holder }];
  });
  return { health, agent, holders };
}

async function loadDriver(services: ViewServices, watch: DriverWatch, operation: Operation): Promise<readonly Fact[]> {
  if (services.connection === undefined) return [];
  if (watch.snapshot === undefined) await watch.refresh(operation);
  const { snapshot } = watch;
  if (snapshot === undefined) return [];
  const { connection } = snapshot;
  const { project } = connection;
  if (project === undefined) return [];
  const { driverFacts } = await import('./driver-facts.js');
  const { name, service: serviceName, device } = project.driver;
  const onWine = connection.stoppedKernel === undefined && connection.target.kind === 'wine';
  return driverFacts({ ...snapshot, name, serviceName, device, onWine, lines: services.dbgPrint.lines }, localize);
}

const OBJECT_COMMAND_NAMES: readonly ObjectCommandName[] = [
  ...(['object.signal', 'object.reset', 'object.pulse', 'object.copyPath', 'object.copyAsC'] as const),
  ...(['object.showSecurity', 'object.showHolders', 'object.addFavorite', 'object.removeFavorite'] as const),
];

interface ViewParts {
  readonly objects: ObjectsView;
  readonly objectsRefresh: ObjectsRefresh;
  readonly points: PointsView;
  readonly chosen: ChosenPoints;
  readonly refreshAll: () => void;
}

const factObject = v.object({ object: v.object({ name: v.string(), typeName: v.string(), path: v.string() }) });
const objectChoice = v.object({ kind: v.literal('objectChoice') });
const moreNode = v.object({ kind: v.literal('more') });
const filePoint = v.object({
  file: v.string(),
  at: v.object({ line: v.number(), column: v.number(), endColumn: v.number() }),
});

/** A command of a menu gets the item, of the tree of objects or of the driver; from anywhere else what is selected in the tree. */
function entryOf(objects: ObjectsView, argument: unknown): ListedEntry | undefined {
  if (argument instanceof ObjectNode) return argument.entry;
  if (v.is(factObject, argument)) return argument.object;
  const [selected] = objects.tree.selection;
  return argument === undefined && selected instanceof ObjectNode ? selected.entry : undefined;
}

function viewCommands(services: ViewServices, parts: ViewParts): vscode.Disposable[] {
  const { objects, objectsRefresh, points, chosen, refreshAll } = parts;
  const register = (name: string, work: (argument: unknown) => unknown): vscode.Disposable =>
    vscode.commands.registerCommand(`eventscope.${name}`, async (argument: unknown) => {
      try {
        return await work(argument);
      } catch (error) {
        services.showError(error);
        return undefined;
      }
    });
  const ofObjects = OBJECT_COMMAND_NAMES.map((name) =>
    register(name, async (argument) => {
      const entry = entryOf(objects, argument);
      if (entry === undefined) return undefined;
      const { OBJECT_COMMANDS } = await import('./object-commands.js');
      return OBJECT_COMMANDS[name](objects, services, entry);
    }),
  );
  return [
    ...ofObjects,
    register('views.refresh', refreshAll),
    register('objects.filter', () => objects.filter.ask()),
    register('objects.filterByType', () => objects.filter.askTypes()),
    register('objects.clearFilter', () => objects.filter.clear()),
    register('objects.toggleAutoRefresh', () => objectsRefresh.toggle()),
    register('objects.showMore', (argument) => {
      if (v.is(moreNode, argument)) objects.showMore(argument as Parameters<typeof objects.showMore>[0]);
    }),
    ...(['signal', 'wait'] as const).map((role) =>
      register(role === 'signal' ? 'object.breakOnSignal' : 'object.breakOnWait', async (argument) => {
        const entry = entryOf(objects, argument);
        if (entry !== undefined) await breakOnObject(chosen, entry, role);
      }),
    ),
    register('point.removeObject', (argument) =>
      v.is(objectChoice, argument) ? chosen.removeObject((argument as ObjectChoiceNode).choice) : undefined,
    ),
    register('points.groupByObject', () => points.group('object')),
    register('points.groupBySide', () => points.group('side')),
    register('point.open', (argument) =>
      v.is(filePoint, argument) ? openPoint(argument as Parameters<typeof openPoint>[0]) : undefined,
    ),
  ];
}
