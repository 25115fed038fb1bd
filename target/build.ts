/**
 * Building a project's driver and application, from sources to signed binaries with their PDBs.
 */
import type { Diagnostic } from './toolchain/diagnostics.js';
import type { Project } from './project.js';
import type { Operation } from './target.js';
import { EventscopeError } from '../protocol/errors.js';

export type { Diagnostic } from './toolchain/diagnostics.js';

export interface BuildOptions {
  /**
   * A second set of binaries beside the usual one, such as a driver with its test faults compiled in. Its outputs live
   * in a folder of their own, so that the two never overwrite each other.
   */
  readonly variant?: {
    readonly name: string;
    readonly driverDefines?: Readonly<Record<string, string>>;
    readonly applicationDefines?: Readonly<Record<string, string>>;
  };
}

export interface BuildResult {
  /** Absolute host paths. The driver is signed. */
  readonly driver: { readonly sys: string; readonly pdb: string };
  readonly application: { readonly exe: string; readonly pdb: string };
  /** Warnings; those of files that were not compiled again are kept from the build that did. */
  readonly diagnostics: readonly Diagnostic[];
  /** File names of what was made by this build: objects and binaries. Empty when nothing had changed. */
  readonly rebuilt: readonly string[];
  /** SHA-256 of the test certificate that signed the driver, in hex. */
  readonly certificate: string;
}

/**
 * Builds what has changed. The old binaries stay until a whole new one is there.
 * @throws EventscopeError `build.failed` (data.diagnostics: Diagnostic[]), `toolchain.missing`, `build.held`; CancelledError
 */
// eslint-disable-next-line @typescript-eslint/require-await
export async function build(
  _project: Project,
  _operation: Operation,
  _options: BuildOptions = {},
): Promise<BuildResult> {
  throw new EventscopeError({ id: 'build.unfinished', what: 'Building is not there yet' });
}
