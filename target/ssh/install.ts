/**
 * Our folder on the test machine: made and marked as ours, and the agent's files in it.
 *
 *   <folder>\eventscope-target.json           the mark: without it nothing there is ever removed
 *   <folder>\agent\runtime-<hash>\            node.exe, node_modules, agent-<hash>.cjs, versions.json
 *   <folder>\agent\sessions\<random>\         one running agent each, see session.ts
 */
import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import { EventscopeError } from '../../protocol/errors.js';
import type { AgentFiles } from './agent-files.js';
import type { SshConnection, WaitOptions } from './connection.js';
import type { RemoteFiles } from './files.js';
import { type SshTargetSettings, sftpPathOf } from './settings.js';
import { plainCommandLine } from './shell.js';
import { uploadFile } from './transfer.js';

const MARK = 'eventscope-target.json';
const MARK_TEXT = `${JSON.stringify({ madeBy: 'eventscope', format: 1 })}\n`;

export type FolderState = 'missing' | 'ours' | 'foreign';

export interface InstalledAgent {
  /** Windows paths. */
  readonly node: string;
  readonly bundle: string;
}

export async function folderState(files: RemoteFiles, settings: SshTargetSettings): Promise<FolderState> {
  const folder = sftpPathOf(settings.folder, settings.sftpDrives);
  if ((await files.stat(folder)) === undefined) return 'missing';
  if ((await files.stat(`${folder}/${MARK}`)) !== undefined) return 'ours';
  return (await files.list(folder)).length === 0 ? 'missing' : 'foreign';
}

export function foreignFolderError(settings: SshTargetSettings): EventscopeError {
  return new EventscopeError({
    id: 'ssh.folderNotOurs',
    what: `The folder ${settings.folder} is not Eventscope's`,
    target: settings.name,
    why: `it holds files, and no ${MARK}`,
    next: 'Set "folder" of this target to one that does not exist yet',
  });
}

/** @throws EventscopeError "ssh.folderNotOurs", "ssh.privateFolder", and those of the files. */
export async function makeFolder(
  files: RemoteFiles,
  connection: SshConnection,
  settings: SshTargetSettings,
  options: WaitOptions,
): Promise<void> {
  const state = await folderState(files, settings);
  if (state === 'foreign') throw foreignFolderError(settings);
  if (state === 'ours') return;
  const folder = sftpPathOf(settings.folder, settings.sftpDrives);
  await files.makeFolder(`${folder}/agent/sessions`);
  await makePrivate(connection, settings, options);
  await files.writeNewText(`${folder}/${MARK}`, MARK_TEXT);
}

/**
 * A folder made at the root of a drive is writable for every signed-in user by default. Programs that run with the
 * client's rights and the tokens of agents lie in `agent`, so it is left to the system, administrators and its owner.
 */
async function makePrivate(
  connection: SshConnection,
  settings: SshTargetSettings,
  options: WaitOptions,
): Promise<void> {
  const [system, administrators, ownerRights] = ['S-1-5-18', 'S-1-5-32-544', 'S-1-3-4'];
  const command = plainCommandLine('icacls', [
    `${settings.folder}\\agent`,
    '/inheritance:r',
    '/grant:r',
    `*${system}:(OI)(CI)F`,
    `*${administrators}:(OI)(CI)F`,
    `*${ownerRights}:(OI)(CI)F`,
  ]);
  const result = await connection.run(command, options);
  if (result.exitCode === 0) return;
  throw new EventscopeError({
    id: 'ssh.privateFolder',
    what: `The folder ${settings.folder}\\agent could not be closed to other users`,
    target: settings.name,
    why: (result.errorOutput.trim() || result.output.trim() || `icacls ended with ${result.exitCode}`).slice(0, 1_000),
    next: 'Use an account that may change rights there, or another "folder" of this target',
    data: { command },
  });
}

/** Copies what the machine does not have yet. */
export async function installAgent(
  files: RemoteFiles,
  settings: SshTargetSettings,
  agent: AgentFiles,
  progress: (message: string) => void,
): Promise<InstalledAgent> {
  const base = sftpPathOf(`${settings.folder}\\agent`, settings.sftpDrives);
  const runtime = `${base}/${agent.runtimeName}`;
  if ((await files.stat(runtime)) === undefined) {
    await installRuntime(files, base, agent, progress);
    await removeOldRuntimes(files, base, agent.runtimeName);
  }
  const bundle = `${runtime}/${agent.bundleName}`;
  if ((await files.stat(bundle)) === undefined) {
    progress('Copying the agent to the test machine');
    await uploadFile(files, agent.bundleHostPath, bundle);
  }
  const windowsRuntime = `${settings.folder}\\agent\\${agent.runtimeName}`;
  return { node: `${windowsRuntime}\\node.exe`, bundle: `${windowsRuntime}\\${agent.bundleName}` };
}

/** The folder gets its name when all is in it, so a cut link leaves none that is half full. */
async function installRuntime(
  files: RemoteFiles,
  base: string,
  agent: AgentFiles,
  progress: (message: string) => void,
): Promise<void> {
  const staging = `${base}/${agent.runtimeName}.${randomBytes(4).toString('hex')}.new`;
  const total = agent.runtime.reduce((sum, file) => sum + file.size, 0);
  let before = 0;
  let told = -1;
  try {
    for (const file of agent.runtime) {
      const path = `${staging}/${file.name}`;
      await files.makeFolder(path.slice(0, path.lastIndexOf('/')));
      await uploadFile(files, file.hostPath, path, (bytes) => {
        const percent = Math.floor(((before + bytes) / total) * 10) * 10;
        if (percent === told) return;
        told = percent;
        progress(`Copying Node for Windows to the test machine: ${percent} % of ${Math.round(total / 1e6)} MB`);
      });
      before += file.size;
    }
    await files.writeNewText(`${staging}/versions.json`, `${JSON.stringify(agent.versions)}\n`);
    await files.rename(staging, `${base}/${agent.runtimeName}`);
  } catch (error) {
    const cleaning = files.under(undefined);
    await cleaning.removeTree(staging).catch(() => undefined);
    // Another client was faster: its copy is the same.
    const installed = await cleaning.stat(`${base}/${agent.runtimeName}`).catch(() => undefined);
    if (installed === undefined) throw error;
  }
}

/** Runtimes of other versions, and what cut links left. One that runs cannot be removed; then it stays. */
async function removeOldRuntimes(files: RemoteFiles, base: string, current: string): Promise<void> {
  const entries = await files.list(base);
  const now = Math.max(...entries.map((entry) => entry.attrs.mtime));
  for (const entry of entries) {
    if (!entry.filename.startsWith('runtime-') || entry.filename === current) continue;
    // One that another client is copying just now is young.
    if (entry.filename.endsWith('.new') && now - entry.attrs.mtime < 600) continue;
    await files.removeTree(`${base}/${basename(entry.filename)}`).catch(() => undefined);
  }
}
