/**
 * A project's build with MSBuild and the WDK on a Windows host: the .vcxproj beside the sources says how, and MSBuild knows
 * itself what has changed. The decisions are tested with fixtures; none of it has run on a real Windows machine yet.
 */
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { EventscopeError } from '../../protocol/errors.js';
import type { BuildVariant, BuiltBinary, SourceBuild } from '../build.js';
import type { Project } from '../project.js';
import type { Operation } from '../target.js';
import type { Side } from './clang.js';
import { distinctDiagnostics, formatDiagnostic, type Diagnostic } from './diagnostics.js';
import type { WindowsToolchain } from './find-windows.js';
import { parseMsvcDiagnostics } from './msvc-diagnostics.js';
import { runTool } from './tool.js';
import { signWithSigntool, storeCertificate, type StoreCertificate } from './windows-signing.js';

/** Name of the property that our .vcxproj files add to their preprocessor definitions. */
export const DEFINES_PROPERTY = 'EventscopeDefines';

/**
 * @param defines given to the compiler by the property that our .vcxproj files read
 * @throws EventscopeError `build.defines`
 */
export function msbuildArguments(
  projectFile: string,
  output: { readonly folder: string; readonly name: string },
  defines: Readonly<Record<string, string>>,
): string[] {
  const definitions = Object.entries(defines).map(([name, value]) => `${name}=${escapeForMsbuild(name, value)}`);
  return [
    projectFile,
    '/nologo',
    '/verbosity:minimal',
    '/clp:NoSummary;ForceNoAlign',
    '/maxCpuCount:2',
    '/property:Configuration=Debug',
    '/property:Platform=x64',
    // We sign by signtool ourselves, and deploy without a driver package.
    '/property:SignMode=Off',
    '/property:EnableInf2cat=false',
    `/property:OutDir=${output.folder}\\`,
    `/property:TargetName=${output.name}`,
    // A ";" separates properties on MSBuild's command line; the project file unescapes.
    `/property:${DEFINES_PROPERTY}=${definitions.join('%3B')}`,
  ];
}

/** Characters with a meaning to MSBuild, as its documentation lists them, and the "," of its command line. */
function escapeForMsbuild(name: string, value: string): string {
  if (value.includes(';')) {
    throw new EventscopeError({
      id: 'build.defines',
      what: `The define ${name} cannot be given to MSBuild`,
      why: 'it has a ";", which separates definitions there',
      next: 'Move it into a header.',
    });
  }
  return value.replace(/[%$@'()?*,]/g, (found) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** @param sides those that have sources */
export async function buildWithMsbuild(
  project: Project,
  tools: WindowsToolchain,
  sides: readonly Side[],
  folder: string,
  variant: BuildVariant,
  operation: Operation,
): Promise<SourceBuild> {
  const diagnostics: Diagnostic[] = [];
  const made: { readonly side: Side; readonly binary: Output; readonly pdb: Output }[] = [];
  for (const side of sides) {
    const { name, defines } = project[side];
    const out = path.join(folder, 'staging', side);
    const extra = side === 'driver' ? variant.driverDefines : variant.applicationDefines;
    diagnostics.push(...(await buildOne(project, tools, side, out, { ...defines, ...extra }, diagnostics, operation)));
    const output = (file: string): Output => ({ staged: path.join(out, file), final: path.join(folder, file) });
    made.push({ side, binary: output(`${name}.${side === 'driver' ? 'sys' : 'exe'}`), pdb: output(`${name}.pdb`) });
  }
  await requireOutputs(made.flatMap(({ binary, pdb }) => [binary, pdb]));
  const outputs: Partial<Record<Side, BuiltBinary>> = {};
  const rebuilt: string[] = [];
  let certificate = '';
  for (const { side, binary, pdb } of made) {
    rebuilt.push(...(await replaceChanged([pdb])));
    if (side === 'driver') {
      const own = await storeCertificate(tools, path.join(project.stateFolder, 'keys'), operation.signal);
      if (await replaceSigned(tools, own, binary, operation)) rebuilt.push(path.basename(binary.final));
      certificate = own.sha256;
    } else rebuilt.push(...(await replaceChanged([binary])));
    outputs[side] = { binary: binary.final, pdb: pdb.final };
  }
  return { outputs, diagnostics: distinctDiagnostics(diagnostics), rebuilt, certificate };
}

interface Output {
  readonly staged: string;
  readonly final: string;
}

/** @returns its diagnostics */
async function buildOne(
  project: Project,
  tools: WindowsToolchain,
  side: 'driver' | 'application',
  out: string,
  defines: Readonly<Record<string, string>>,
  before: readonly Diagnostic[],
  operation: Operation,
): Promise<Diagnostic[]> {
  const settings = project[side];
  const projectFile = await findProjectFile(project.folder, settings.sources, side);
  await mkdir(out, { recursive: true });
  operation.progress(`Building ${path.basename(projectFile)}`);
  const args = msbuildArguments(projectFile, { folder: out, name: settings.name }, defines);
  const run = await runTool(tools.msbuild, args, {
    signal: operation.signal,
    folder: path.dirname(projectFile),
    environment: tools.environment,
    timeoutMs: 900_000,
  });
  const diagnostics = parseMsvcDiagnostics(run.standardOutput, path.dirname(projectFile));
  if (run.exitCode !== 0) throw buildFailed([...before, ...diagnostics], run.standardOutput);
  return diagnostics;
}

async function requireOutputs(outputs: readonly Output[]): Promise<void> {
  for (const { staged } of outputs) {
    if ((await contentHash(staged)) !== undefined) continue;
    throw new EventscopeError({
      id: 'build.outputs',
      what: `MSBuild ended well and made no ${path.basename(staged)}`,
      why: `there is no ${staged}`,
      next: 'Let the project file keep OutDir and TargetName as they are passed to it.',
    });
  }
}

const signedFile = v.strictObject({ unsigned: v.string(), certificate: v.string(), signed: v.string() });

/** Signs what MSBuild made when it is not what was signed last. @returns whether it did */
async function replaceSigned(
  tools: WindowsToolchain,
  certificate: StoreCertificate,
  driver: Output,
  operation: Operation,
): Promise<boolean> {
  const record = `${driver.final}.signed.json`;
  const known = await readFile(record, 'utf8')
    .then((text) => v.safeParse(signedFile, JSON.parse(text)))
    .catch(() => undefined);
  const now = {
    unsigned: await contentHash(driver.staged),
    certificate: certificate.sha256,
    signed: await contentHash(driver.final),
  };
  if (known?.success === true && JSON.stringify(known.output) === JSON.stringify(now)) return false;
  operation.progress(`Signing ${path.basename(driver.final)}`);
  // signtool goes by the ending.
  const beside = path.join(path.dirname(driver.final), `new-${path.basename(driver.final)}`);
  try {
    await copyFile(driver.staged, beside);
    await signWithSigntool(tools, certificate, beside, operation.signal);
    await rename(beside, driver.final);
  } finally {
    await rm(beside, { force: true });
  }
  await writeFile(record, JSON.stringify({ ...now, signed: await contentHash(driver.final) }));
  return true;
}

function buildFailed(diagnostics: readonly Diagnostic[], text: string): EventscopeError {
  const all = distinctDiagnostics(diagnostics);
  const first = all.find((diagnostic) => diagnostic.severity === 'error');
  return new EventscopeError({
    id: 'build.failed',
    what: 'The build failed',
    why: first === undefined ? (text.trim().split(/\r?\n/).at(-1) ?? '') : formatDiagnostic(first),
    next: 'Correct the source; the binaries of the last good build are unchanged.',
    data: { diagnostics: all },
  });
}

async function findProjectFile(folder: string, sources: readonly string[], side: string): Promise<string> {
  for (const entry of sources) {
    const absolute = path.resolve(folder, entry);
    const place =
      (await stat(absolute).catch(() => undefined))?.isDirectory() === true ? absolute : path.dirname(absolute);
    const name = (await readdir(place).catch(() => [])).find((item) => item.endsWith('.vcxproj'));
    if (name !== undefined) return path.join(place, name);
  }
  throw new EventscopeError({
    id: 'build.sources',
    what: `The ${side} has no .vcxproj`,
    why: `none beside ${sources.join(', ')}`,
    next: 'Put a project file beside the sources: on Windows the build is MSBuild’s.',
  });
}

/** Staged outputs stay, so that MSBuild finds its work done the next time. */
async function replaceChanged(outputs: readonly Output[]): Promise<string[]> {
  const changed: string[] = [];
  for (const { staged, final } of outputs) {
    const [now, before] = [await contentHash(staged), await contentHash(final)];
    if (now === before) continue;
    const beside = `${final}.new`;
    await copyFile(staged, beside);
    await rename(beside, final).catch(async (error: unknown) => {
      await rm(beside, { force: true });
      throw error;
    });
    changed.push(path.basename(final));
  }
  return changed;
}

async function contentHash(file: string): Promise<string | undefined> {
  const data = await readFile(file).catch(() => undefined);
  return data === undefined ? undefined : createHash('sha256').update(data).digest('hex');
}
