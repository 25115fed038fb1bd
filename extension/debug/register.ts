/** Debugging in VS Code: the debug type with its configurations and its adapter, points, flow, dispatcher objects, inline values. */
import * as vscode from 'vscode';
import { DEBUG_TYPE } from '../../debug-adapter/session/configuration.js';
import type { ExtensionServices } from '../context.js';
import type { Views } from '../views/register.js';
import { ConfigurationProvider } from './configuration-provider.js';
import { DebugSessions } from './debug-sessions.js';
import { DispatcherObjectsView } from './dispatcher-objects-view.js';
import { registerFlowCommands } from './flow-commands.js';
import { InlineAdapterFactory } from './inline-adapter.js';
import { InlineValues } from './inline-values.js';
import { KernelSessions } from './kernel-sessions.js';
import { SessionConnections } from './session-connections.js';

/** What the tests of debugging look at. */
export interface Debugging {
  readonly provider: ConfigurationProvider;
  readonly sessions: DebugSessions;
  readonly objects: DispatcherObjectsView;
  dispose(): void;
}

const SOURCES: vscode.DocumentSelector = [
  { language: 'c', scheme: 'file' },
  { language: 'cpp', scheme: 'file' },
];

export function registerDebugging(services: ExtensionServices, { sources, chosen }: Views): Debugging {
  const provider = new ConfigurationProvider(services);
  const sessions = new DebugSessions(services.log, chosen, sources.onDidChange);
  const objects = new DispatcherObjectsView(sessions);
  const kernels = new KernelSessions((text) => services.dbgPrint.appendText(text));
  const { Initial, Dynamic } = vscode.DebugConfigurationProviderTriggerKind;
  const subscriptions = vscode.Disposable.from(
    objects,
    sessions,
    kernels,
    new SessionConnections(services),
    kernels.onDidChange(() => services.takeKernels(kernels.all, kernels.client)),
    registerFlowCommands({ services, sessions, chosen, sources }),
    vscode.languages.registerInlineValuesProvider(SOURCES, new InlineValues(sources)),
    vscode.debug.registerDebugConfigurationProvider(DEBUG_TYPE, provider, Initial),
    // The list without launch.json: it resolves by the provider above.
    vscode.debug.registerDebugConfigurationProvider(
      DEBUG_TYPE,
      { provideDebugConfigurations: (folder) => provider.provideDebugConfigurations(folder) },
      Dynamic,
    ),
    vscode.debug.registerDebugAdapterDescriptorFactory(DEBUG_TYPE, new InlineAdapterFactory(services, sessions)),
  );
  return { provider, sessions, objects, dispose: () => void subscriptions.dispose() };
}
