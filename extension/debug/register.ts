/** Debugging in VS Code: the debug type with its configurations and its adapter. */
import * as vscode from 'vscode';
import { DEBUG_TYPE } from '../../debug-adapter/session/configuration.js';
import type { ExtensionServices } from '../context.js';
import { ConfigurationProvider } from './configuration-provider.js';
import { InlineAdapterFactory } from './inline-adapter.js';

/** What the tests of debugging look at. */
export interface Debugging {
  readonly provider: ConfigurationProvider;
  dispose(): void;
}

export function registerDebugging(services: ExtensionServices): Debugging {
  const provider = new ConfigurationProvider(services);
  const { Initial, Dynamic } = vscode.DebugConfigurationProviderTriggerKind;
  const subscriptions = vscode.Disposable.from(
    vscode.debug.registerDebugConfigurationProvider(DEBUG_TYPE, provider, Initial),
    // The list without launch.json: it resolves by the provider above.
    vscode.debug.registerDebugConfigurationProvider(
      DEBUG_TYPE,
      { provideDebugConfigurations: (folder) => provider.provideDebugConfigurations(folder) },
      Dynamic,
    ),
    vscode.debug.registerDebugAdapterDescriptorFactory(DEBUG_TYPE, new InlineAdapterFactory(services)),
  );
  return { provider, dispose: () => void subscriptions.dispose() };
}
