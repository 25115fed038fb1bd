/**
 * A project's build with clang and lld: objects compiled separately, then linked, then the driver signed, each step only
 * when its inputs changed. Binaries are replaced when all of them are there.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { CancelledError, EventscopeError } from '../../protocol/errors.js';
import type { BuildVariant, BuiltBinary, SourceBuild } from '../build.js';
import { diskFullCode } from '../disk-full.js';
import { throwIfCancelled } from '../operation.js';
import type { Project } from '../project.js';
import type { Operation } from '../target.js';
import {
  compileArguments,
  isDuplicate,
  isHeaderDuplicate,
  linkArguments,
  parseDependencyFile,
  type Side,
} from './clang.js';
import { parseClangDiagnostics } from './clang-diagnostics.js';
import { distinctDiagnostics, formatDiagnostic, type Diagnostic } from './diagnostics.js';
import { programIdentity, type LinuxToolchain } from './find-linux.js';
import { BuildState } from './fingerprint.js';
import { signDriver, testCertificate, type TestCertificate } from './signing.js';
import { findSources } from './sources.js';
import { runTool } from './tool.js';

/** A workspace's machine has other work too, and the compilers share its memory with the target. */
const JOBS = 2;

interface Component {
  readonly side: Side;
  readonly name: string;
  readonly includes: readonly string[];
  readonly defines: Readonly<Record<string, string>>;
  readonly options: readonly string[];
  readonly libraries: readonly string[];
  readonly units: readonly Unit[];
}

interface Unit {
  readonly source: string;
  readonly object: string;
  readonly dependencyFile: string;
  readonly step: string;
}

/**
 * @param sides those that have sources
 * @param folder where everything of this build goes: obj/, staging, and the binaries
 */
export async function buildWithClang(
  project: Project,
  tools: LinuxToolchain,
  sides: readonly Side[],
  folder: string,
  variant: BuildVariant,
  operation: Operation,
): Promise<SourceBuild> {
  const state = await BuildState.load(path.join(folder, 'build.json'));
  const build = new ClangBuild(project.folder, tools, folder, state, operation);
  const components: Component[] = [];
  for (const side of sides) {
    const extra = side === 'driver' ? variant.driverDefines : variant.applicationDefines;
    components.push(await component(project, folder, side, { ...project[side].defines, ...extra }));
  }
  const staging = path.join(folder, 'staging');
  await rm(staging, { recursive: true, force: true });
  await mkdir(staging, { recursive: true });
  try {
    await build.compile(components.flatMap((item) => item.units.map((unit) => [item, unit] as const)));
    const keys = path.join(project.stateFolder, 'keys');
    const certificate = sides.includes('driver') ? await testCertificate(tools, keys, operation.signal) : undefined;
    const outputs: Partial<Record<Side, BuiltBinary>> = {};
    for (const item of components) {
      outputs[item.side] = await build.link(item, staging, item.side === 'driver' ? certificate : undefined);
    }
    await build.finish(components);
    return {
      outputs,
      diagnostics: distinctDiagnostics(build.diagnostics),
      rebuilt: build.rebuilt,
      certificate: certificate?.sha256 ?? '',
    };
  } finally {
    await rm(staging, { recursive: true, force: true });
    await saveState(state);
  }
}

/** A full disk keeps the memory of the build before: steps are done once more, and whatever else failed is told. */
async function saveState(state: BuildState): Promise<void> {
  try {
    await state.save();
  } catch (error) {
    if (diskFullCode(error) === undefined) throw error;
  }
}

async function component(
  project: Project,
  folder: string,
  side: Side,
  defines: Readonly<Record<string, string>>,
): Promise<Component> {
  const settings = project[side];
  const sources = await findSources(project.folder, settings.sources, side);
  return {
    side,
    name: settings.name,
    includes: settings.includes.map((include) => fromFolder(project.folder, path.resolve(project.folder, include))),
    defines,
    options: settings.options,
    libraries: side === 'application' ? project.application.libraries : [],
    units: sources.map((source) => {
      // Two sources of one name in different folders get different objects.
      const place = createHash('sha256').update(fromFolder(project.folder, source)).digest('hex').slice(0, 8);
      const stem = path.join(folder, 'obj', side, `${path.basename(source, '.c')}-${place}`);
      return { source, object: `${stem}.o`, dependencyFile: `${stem}.d`, step: `compile ${side} ${source}` };
    }),
  };
}

/** How the tools, which run in `folder`, are told of a file: what is in it by its relative name. */
function fromFolder(folder: string, file: string): string {
  const relative = path.relative(folder, file);
  if (relative.startsWith('..') || path.isAbsolute(relative)) return file;
  return relative === '' || relative.startsWith('-') ? `./${relative}` : relative;
}

class ClangBuild {
  readonly diagnostics: Diagnostic[] = [];
  readonly rebuilt: string[] = [];
  readonly #folder: string;
  readonly #tools: LinuxToolchain;
  readonly #output: string;
  readonly #state: BuildState;
  readonly #operation: Operation;
  #moves: (() => Promise<void>)[] = [];

  constructor(folder: string, tools: LinuxToolchain, output: string, state: BuildState, operation: Operation) {
    this.#folder = folder;
    this.#tools = tools;
    this.#output = output;
    this.#state = state;
    this.#operation = operation;
  }

  /** Compiles what is not current. All files are tried, so that one build shows the errors of every file. */
  async compile(units: readonly (readonly [Component, Unit])[]): Promise<void> {
    const clang = await programIdentity(this.#tools.clang);
    const errors: Diagnostic[] = [];
    let next = 0;
    const work = async (): Promise<void> => {
      for (;;) {
        const item = units[next++];
        if (item === undefined) return;
        throwIfCancelled(this.#operation.signal);
        errors.push(...(await this.#compileOne(item[0], item[1], clang)));
      }
    };
    const results = await Promise.allSettled(Array.from({ length: JOBS }, work));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    if (errors.length > 0) throw this.#failed(errors);
  }

  /** @returns the errors; warnings are kept in `diagnostics` */
  async #compileOne(component: Component, unit: Unit, clang: string): Promise<Diagnostic[]> {
    const args = compileArguments(this.#tools, {
      ...component,
      source: fromFolder(this.#folder, unit.source),
      object: unit.object,
      objectName: fromFolder(this.#output, unit.object),
      dependencyFile: unit.dependencyFile,
    });
    const command = [clang, args];
    if (await this.#state.isCurrent(unit.step, command)) {
      this.diagnostics.push(...(this.#state.step(unit.step)?.diagnostics ?? []));
      return [];
    }
    this.#operation.progress(`Compiling ${path.relative(this.#folder, unit.source)}`);
    await mkdir(path.dirname(unit.object), { recursive: true });
    const run = await runTool(this.#tools.clang, args, { signal: this.#operation.signal, folder: this.#folder });
    const diagnostics = parseClangDiagnostics(run.standardError, this.#folder);
    if (run.exitCode !== 0) return errorsOf(diagnostics, unit.source, run.standardError);
    this.rebuilt.push(path.basename(unit.object));
    this.diagnostics.push(...diagnostics);
    const inputs = parseDependencyFile(await readFile(unit.dependencyFile, 'utf8'), this.#folder);
    await this.#state.done(unit.step, command, inputs, [unit.object], diagnostics);
    return [];
  }

  /**
   * Links, and signs when there is a certificate, into `staging`; finish() moves the results to their places.
   */
  async link(
    component: Component,
    staging: string,
    certificate: TestCertificate | undefined,
  ): Promise<{ binary: string; pdb: string }> {
    const fileName = `${component.name}.${component.side === 'driver' ? 'sys' : 'exe'}`;
    const binary = path.join(this.#output, fileName);
    const pdb = path.join(this.#output, `${component.name}.pdb`);
    const objects = component.units.map((unit) => unit.object);
    const wideMain = component.side === 'application' && (await hasWideMain(component.units));
    // Linked under its own name in a folder of its own: the binary records the name of its PDB.
    const linked = path.join(staging, component.side, fileName);
    const linkedPdb = path.join(staging, component.side, `${component.name}.pdb`);
    const args = linkArguments(this.#tools, {
      side: component.side,
      objects: objects.map((object) => fromFolder(this.#output, object)),
      libraries: component.libraries,
      wideMain,
      binary: fromFolder(this.#output, linked),
      pdb: fromFolder(this.#output, linkedPdb),
    });
    const tools = await Promise.all([programIdentity(this.#tools.clang), programIdentity(this.#tools.lld)]);
    const command = [tools, args, certificate?.sha256 ?? ''];
    const step = `link ${component.side}`;
    if (await this.#state.isCurrent(step, command)) {
      this.diagnostics.push(...(this.#state.step(step)?.diagnostics ?? []));
      return { binary, pdb };
    }
    this.#operation.progress(`Linking ${fileName}`);
    await mkdir(path.dirname(linked), { recursive: true });
    const run = await runTool(this.#tools.clang, args, { signal: this.#operation.signal, folder: this.#output });
    const diagnostics = parseClangDiagnostics(run.standardError, this.#output, this.#folder)
      .filter((diagnostic) => !isHeaderDuplicate(this.#tools, diagnostic))
      .map((diagnostic) => (isDuplicate(diagnostic) ? { ...diagnostic, severity: 'error' as const } : diagnostic));
    if (run.exitCode !== 0 || diagnostics.some(isDuplicate)) {
      throw this.#failed(errorsOf(diagnostics, fileName, run.standardError));
    }
    let ready = linked;
    if (certificate !== undefined) {
      this.#operation.progress(`Signing ${fileName}`);
      ready = path.join(staging, `${component.side}-signed.sys`);
      await signDriver(this.#tools, certificate, linked, ready, this.#operation.signal);
    }
    this.diagnostics.push(...diagnostics);
    this.rebuilt.push(fileName);
    this.#moves.push(async () => {
      await rename(linkedPdb, pdb);
      await rename(ready, binary);
      await this.#state.done(step, command, objects, [binary, pdb], diagnostics);
    });
    return { binary, pdb };
  }

  /** The new binaries take the places of the old ones. */
  async finish(components: readonly Component[]): Promise<void> {
    throwIfCancelled(this.#operation.signal);
    for (const move of this.#moves) await move();
    this.#moves = [];
    const steps = components.flatMap((item) => [`link ${item.side}`, ...item.units.map((unit) => unit.step)]);
    this.#state.keepOnly(new Set(steps));
  }

  #failed(errors: readonly Diagnostic[]): Error {
    if (this.#operation.signal.aborted) return new CancelledError();
    const all = distinctDiagnostics([...errors, ...this.diagnostics]);
    const first = all.find((diagnostic) => diagnostic.severity === 'error');
    const count = all.filter((diagnostic) => diagnostic.severity === 'error').length;
    return new EventscopeError({
      id: 'build.failed',
      what: `The build failed with ${count} error${count === 1 ? '' : 's'}`,
      ...(first === undefined ? {} : { why: formatDiagnostic(first) }),
      next: 'Correct the source; the binaries of the last good build are unchanged.',
      data: { diagnostics: all },
    });
  }
}

/** A tool that failed without a message that we understand has failed all the same. */
function errorsOf(diagnostics: readonly Diagnostic[], file: string, text: string): Diagnostic[] {
  if (diagnostics.some((diagnostic) => diagnostic.severity === 'error')) return [...diagnostics];
  const message = text.trim().split(/\r?\n/).at(-1) ?? '';
  return [
    ...diagnostics,
    { file, line: 0, column: 0, severity: 'error', message: message || 'failed without a message', related: [] },
  ];
}

async function hasWideMain(units: readonly Unit[]): Promise<boolean> {
  for (const unit of units) if (/\bwmain\s*\(/.test(await readFile(unit.source, 'utf8'))) return true;
  return false;
}
