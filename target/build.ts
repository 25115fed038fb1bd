/**
 * Building a project's driver and application, from sources to signed binaries with their PDBs.
 */
import { rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { EventscopeError } from '../protocol/errors.js';
import { tellingFullDisk } from './disk-full.js';
import { acquireHostLock } from './host-lock.js';
import type { Project } from './project.js';
import type { Operation } from './target.js';
import type { Side } from './toolchain/clang.js';
import { buildWithClang } from './toolchain/clang-build.js';
import type { Diagnostic } from './toolchain/diagnostics.js';
import { findLinuxToolchain } from './toolchain/find-linux.js';
import { findWindowsToolchain } from './toolchain/find-windows.js';
import { givenBinary } from './toolchain/given-binary.js';
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
   * Absolute host paths. A driver that was built here is signed; a binary that the settings name is taken as it is, and has a
   * PDB when there is one. The PDBs of the clang build name the project's own sources relative to its
   * folder, so that equal sources make equal bytes in every folder; who reads them joins the two.
   */
  readonly driver: { readonly sys: string; readonly pdb: string | undefined };
  readonly application: { readonly exe: string; readonly pdb: string | undefined };
  /** Warnings; those of files that were not compiled again are kept from the build that did. */
  readonly diagnostics: readonly Diagnostic[];
  /** File names of what was made by this build: objects and binaries. Empty when nothing had changed. */
  readonly rebuilt: readonly string[];
  /** SHA-256 of the test certificate that signed the driver, in hex; empty for a driver that was not built here. */
  readonly certificate: string;
}

/** Absolute host paths. */
export interface BuiltBinary {
  readonly binary: string;
  readonly pdb: string | undefined;
}

/** What a toolchain made of those sides that have sources. */
export interface SourceBuild extends Pick<BuildResult, 'diagnostics' | 'rebuilt' | 'certificate'> {
  readonly outputs: Readonly<Partial<Record<Side, BuiltBinary>>>;
}

const WAIT_FOR_OTHER_BUILD_MS = 120_000;

/**
 * Builds what has changed. The old binaries stay until a whole new set is there.
 * @throws EventscopeError `build.failed` (data.diagnostics: Diagnostic[]), `build.sources`, `build.binary`, `build.held`,
 * `toolchain.missing`, `signing.failed`, `host.diskFull`; CancelledError
 */
export async function build(project: Project, operation: Operation, options: BuildOptions = {}): Promise<BuildResult> {
  const variant = options.variant ?? DEFAULT_VARIANT;
  if (!/^[a-z0-9-]{1,40}$/.test(variant.name)) throw new RangeError(`"${variant.name}" is no name of a build variant`);
  const folder = path.join(project.stateFolder, 'build', variant.name);
  const use = { folder, purpose: 'build', kept: 'the binaries of the last good build are unchanged' };
  const given = {
    driver: await givenBinary(project, 'driver'),
    application: await givenBinary(project, 'application'),
  };
  const sides = SIDES.filter((side) => given[side] === undefined);
  const { outputs, ...made } =
    sides.length === 0
      ? NOTHING
      : await tellingFullDisk(use, () => buildAlone(project, sides, folder, variant, operation));
  const driver = given.driver ?? outputs.driver;
  const application = given.application ?? outputs.application;
  if (driver === undefined || application === undefined) throw new TypeError('A toolchain left out a side');
  return {
    driver: { sys: driver.binary, pdb: driver.pdb },
    application: { exe: application.binary, pdb: application.pdb },
    ...made,
  };
}

/**
 * The binaries of the last good build, or those that the settings name; nothing is built.
 * @throws EventscopeError `build.missing` when there was no build yet, `build.binary`
 */
export async function findBuild(project: Project): Promise<BuildResult> {
  const folder = path.join(project.stateFolder, 'build', DEFAULT_VARIANT.name);
  const find = async (side: Side, ending: string): Promise<BuiltBinary> => {
    const given = await givenBinary(project, side);
    if (given !== undefined) return given;
    const { name } = project[side];
    const binary = path.join(folder, `${name}.${ending}`);
    const pdb = path.join(folder, `${name}.pdb`);
    if (await isFile(binary)) return { binary, pdb: (await isFile(pdb)) ? pdb : undefined };
    throw new EventscopeError({
      id: 'build.missing',
      what: `The ${side} has not been built yet`,
      why: `there is no ${binary}`,
      next: 'Build first.',
    });
  };
  const [driver, application] = await Promise.all([find('driver', 'sys'), find('application', 'exe')]);
  return {
    driver: { sys: driver.binary, pdb: driver.pdb },
    application: { exe: application.binary, pdb: application.pdb },
    diagnostics: [],
    rebuilt: [],
    certificate: '',
  };
}

async function isFile(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}

const DEFAULT_VARIANT: BuildVariant = { name: 'default' };
const SIDES = ['driver', 'application'] as const;
const NOTHING: SourceBuild = { outputs: {}, diagnostics: [], rebuilt: [], certificate: '' };

/**
 * Deletes what builds of a project made; keys, recordings and the prefix stay. Nothing when there is nothing.
 * @throws EventscopeError `build.held`; CancelledError
 */
export async function cleanBuild(project: Project, operation: Operation): Promise<void> {
  const folder = path.join(project.stateFolder, 'build', DEFAULT_VARIANT.name);
  const lock = await holdBuild(folder, 'cleaning', operation);
  try {
    await rm(folder, { recursive: true, force: true });
  } finally {
    await lock.release();
  }
}

/** One build of a variant at a time. */
function holdBuild(folder: string, purpose: string, operation: Operation): ReturnType<typeof acquireHostLock> {
  return acquireHostLock(
    {
      file: `${folder}.lock`,
      purpose,
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
}

async function buildAlone(
  project: Project,
  sides: readonly Side[],
  folder: string,
  variant: BuildVariant,
  operation: Operation,
): Promise<SourceBuild> {
  const lock = await holdBuild(folder, 'building', operation);
  try {
    if (process.platform === 'win32') {
      return await buildWithMsbuild(project, await findWindowsToolchain(), sides, folder, variant, operation);
    }
    return await buildWithClang(project, await findLinuxToolchain(), sides, folder, variant, operation);
  } finally {
    await lock.release();
  }
}
