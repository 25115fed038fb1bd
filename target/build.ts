/**
 * Building a project's driver and application, from sources to signed binaries with their PDBs.
 */
import path from 'node:path';
import { EventscopeError } from '../protocol/errors.js';
import { tellingFullDisk } from './disk-full.js';
import { acquireHostLock } from './host-lock.js';
import type { Project } from './project.js';
import type { Operation } from './target.js';
import { buildWithClang } from './toolchain/clang-build.js';
import type { Diagnostic } from './toolchain/diagnostics.js';
import { findLinuxToolchain } from './toolchain/find-linux.js';
import { findWindowsToolchain } from './toolchain/find-windows.js';
import { buildWithMsbuild } from './toolchain/msbuild.js';

export type { Diagnostic } from './toolchain/diagnostics.js';

export interface BuildVariant {
  /** Of its output folder: letters, digits, "-". */
  readonly name: string;
  readonly driverDefines?: Readonly<Record<string, string>>;
  readonly applicationDefines?: Readonly<Record<string, string>>;
}

export interface BuildOptions {
  /**
   * A second set of binaries beside the usual one, such as a driver with its test faults compiled in. Its outputs live
   * in a folder of their own, so that the two never overwrite each other.
   */
  readonly variant?: BuildVariant;
}

export interface BuildResult {
  /**
   * Absolute host paths. The driver is signed. The PDBs of the clang build name the project's own sources relative to its
   * folder, so that equal sources make equal bytes in every folder; who reads them joins the two.
   */
  readonly driver: { readonly sys: string; readonly pdb: string };
  readonly application: { readonly exe: string; readonly pdb: string };
  /** Warnings; those of files that were not compiled again are kept from the build that did. */
  readonly diagnostics: readonly Diagnostic[];
  /** File names of what was made by this build: objects and binaries. Empty when nothing had changed. */
  readonly rebuilt: readonly string[];
  /** SHA-256 of the test certificate that signed the driver, in hex; empty where the project's own build signs. */
  readonly certificate: string;
}

const WAIT_FOR_OTHER_BUILD_MS = 120_000;

/**
 * Builds what has changed. The old binaries stay until a whole new set is there.
 * @throws EventscopeError `build.failed` (data.diagnostics: Diagnostic[]), `build.sources`, `build.held`,
 * `toolchain.missing`, `signing.failed`, `host.diskFull`; CancelledError
 */
export async function build(project: Project, operation: Operation, options: BuildOptions = {}): Promise<BuildResult> {
  const variant = options.variant ?? { name: 'default' };
  if (!/^[a-z0-9-]{1,40}$/.test(variant.name)) throw new RangeError(`"${variant.name}" is no name of a build variant`);
  const folder = path.join(project.stateFolder, 'build', variant.name);
  const use = { folder, purpose: 'build', kept: 'the binaries of the last good build are unchanged' };
  return tellingFullDisk(use, () => buildAlone(project, folder, variant, operation));
}

/** One build of a variant at a time. */
async function buildAlone(
  project: Project,
  folder: string,
  variant: BuildVariant,
  operation: Operation,
): Promise<BuildResult> {
  const lock = await acquireHostLock(
    {
      file: `${folder}.lock`,
      purpose: 'building',
      waitMs: WAIT_FOR_OTHER_BUILD_MS,
      held: (holder) =>
        new EventscopeError({
          id: 'build.held',
          what: 'Another build of this workspace is going on',
          why: `process ${holder.pid} has been ${holder.purpose} since ${new Date(holder.sinceUtcMs).toLocaleTimeString()}`,
          next: 'Wait for it or end it, then build again.',
          data: { ...holder },
        }),
    },
    operation,
  );
  try {
    if (process.platform === 'win32') {
      return await buildWithMsbuild(project, await findWindowsToolchain(), folder, variant, operation);
    }
    return await buildWithClang(project, await findLinuxToolchain(), folder, variant, operation);
  } finally {
    await lock.release();
  }
}
