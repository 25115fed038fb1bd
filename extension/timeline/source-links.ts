/**
 * From callers in a recording ("eventsys.sys+0x12c4") to lines of the project's sources, by the PDBs of its last build; and back. A caller
 * is a return address: the call is the instruction before it.
 */
import path from 'node:path';
import * as vscode from 'vscode';
import type { ModuleSymbols } from '../../debug-adapter/symbols/symbol-provider.js';
import type { SymbolWorker } from '../../debug-adapter/symbols/symbol-worker.js';
import { EventscopeError } from '../../protocol/errors.js';
import type { BuildResult } from '../../target/build.js';
import type { Project } from '../../target/project.js';

export interface SourcePlace {
  readonly file: vscode.Uri;
  /** From 0. */
  readonly line: number;
}

/** Of each of the project's binaries, by file name in lower case: what tells one build of it from another. */
export type BuildIdentities = Readonly<Record<string, string>>;

interface LoadedModule {
  readonly identity: string;
  readonly symbols: ModuleSymbols;
}

/** Headers whose code stands between a program and the system's call: the caller is who includes them. */
const TRACE_HEADER = /eventscope_trace[a-z_]*\.h$/i;

const imagesOf = ({ driver, application }: BuildResult): readonly string[] => [driver.sys, application.exe];

/** @throws EventscopeError pe.corrupt; the system's error when a binary cannot be read */
export async function identitiesOf(built: BuildResult): Promise<BuildIdentities> {
  const found = await Promise.all(
    imagesOf(built).map(async (image) => [path.basename(image).toLowerCase(), await buildIdentity(image)] as const),
  );
  return Object.fromEntries(found);
}

async function buildIdentity(image: string): Promise<string> {
  const { identityOfFile } = await import('../../debug-adapter/symbols/open-symbols.js');
  const { pdb, timeDateStamp, sizeOfImage } = await identityOfFile(image);
  return pdb === undefined ? `${timeDateStamp.toString(16)}${sizeOfImage.toString(16)}` : `${pdb.guid}-${pdb.age}`;
}

export class SourceLinks implements vscode.Disposable {
  readonly #workers = new Map<string, SymbolWorker>();
  readonly #modules = new Map<string, LoadedModule>();

  /**
   * The line that a caller is on; undefined when it is in no binary of the project, or has no line.
   * @param recorded identities of the builds that were recorded, where the recording tells them
   * @throws EventscopeError `source.otherBuild`, `source.noSymbols`, `build.missing`
   */
  async placeOf(project: Project, caller: string, recorded: BuildIdentities): Promise<SourcePlace | undefined> {
    const match = /^(.+)\+0x([0-9a-f]{1,8})$/i.exec(caller);
    const name = match?.[1]?.toLowerCase();
    const { findBuild } = await import('../../target/build.js');
    const built = await findBuild(project);
    const image = imagesOf(built).find((one) => path.basename(one).toLowerCase() === name);
    if (name === undefined || image === undefined) return undefined;
    const { identity, symbols } = await this.#module(project, image);
    const wanted = recorded[name];
    if (wanted !== undefined && wanted !== identity) {
      throw new EventscopeError({
        id: 'source.otherBuild',
        what: vscode.l10n.t('The line of {0} is not known', caller),
        why: vscode.l10n.t('{0} was built again since this was recorded', path.basename(image)),
        next: vscode.l10n.t('Record again, or build the sources that were recorded.'),
      });
    }
    if (symbols.source !== 'pdb') {
      throw new EventscopeError({
        id: 'source.noSymbols',
        what: vscode.l10n.t('The line of {0} is not known', caller),
        why: symbols.searched.map(({ place, result }) => `${place}: ${result}`).join('; '),
        next: vscode.l10n.t('Build with a PDB beside the binary.'),
      });
    }
    const frames = await symbols.framesAt(Number.parseInt(match?.[2] ?? '', 16) - 1);
    const source = frames.map((frame) => frame.source).find((one) => one !== undefined && !TRACE_HEADER.test(one.file));
    if (source === undefined) return undefined;
    const { SourcePaths } = await import('../../debug-adapter/session/source-paths.js');
    const file = new SourcePaths({ projectFolder: project.folder, sourceMap: {} }).toHost(source.file);
    return file === undefined ? undefined : { file: vscode.Uri.file(file), line: source.line - 1 };
  }

  /** Those of the callers that are on a line (from 0). Callers whose line is not known are left out. */
  async callersOn(
    project: Project,
    callers: readonly string[],
    { file, line }: SourcePlace,
    recorded: BuildIdentities,
  ): Promise<string[]> {
    const found: string[] = [];
    for (const caller of callers) {
      const place = await this.placeOf(project, caller, recorded);
      if (place?.line === line && place.file.toString() === file.toString()) found.push(caller);
    }
    return found;
  }

  /** Read again when the binary was built again. */
  async #module(project: Project, image: string): Promise<LoadedModule> {
    const identity = await buildIdentity(image);
    const known = this.#modules.get(image);
    if (known?.identity === identity) return known;
    await known?.symbols.close();
    const { identityOfFile } = await import('../../debug-adapter/symbols/open-symbols.js');
    const worker = await this.#worker(project);
    const symbols = await worker.open({ identity: await identityOfFile(image), imagePath: image });
    const loaded = { identity, symbols };
    this.#modules.set(image, loaded);
    return loaded;
  }

  async #worker({ stateFolder }: Project): Promise<SymbolWorker> {
    const { SymbolWorker } = await import('../../debug-adapter/symbols/symbol-worker.js');
    let worker = this.#workers.get(stateFolder);
    if (worker === undefined) {
      const cacheFolder = path.join(stateFolder, 'symbols');
      worker = new SymbolWorker({ settings: { symbolPath: [], useSymbolServers: false, cacheFolder } });
      this.#workers.set(stateFolder, worker);
    }
    return worker;
  }

  dispose(): void {
    for (const worker of this.#workers.values()) void worker.dispose();
  }
}
