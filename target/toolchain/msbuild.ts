/**
 * A project's build with MSBuild and the WDK on a Windows host: the .vcxproj beside the sources says how, and MSBuild knows
 * itself what has changed. The decisions are tested with fixtures; none of it has run on a real Windows machine yet.
 */
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { EventscopeError } from '../../protocol/errors.js';
import type { BuildResult, BuildVariant } from '../build.js';
import type { Project } from '../project.js';
import type { Operation } from '../target.js';
import { distinctDiagnostics, formatDiagnostic, type Diagnostic } from './diagnostics.js';
import type { WindowsToolchain } from './find-windows.js';
import { parseMsvcDiagnostics } from './msvc-diagnostics.js';
import { runTool } from './tool.js';

/** @param defines added to the project's own, by the property that our .vcxproj files read */
export function msbuildArguments(
  projectFile: string,
  outputFolder: string,
  defines: Readonly<Record<string, string>>,
): string[] {
  const definitions = Object.entries(defines).map(([name, value]) => `${name}=${value}`);
  return [
    projectFile,
    '/nologo',
    '/verbosity:minimal',
    '/clp:NoSummary;ForceNoAlign',
    '/maxCpuCount:2',
    '/property:Configuration=Debug',
    '/property:Platform=x64',
    // The WDK makes a test certificate in the user's store and signs by signtool.
    '/property:SignMode=TestSign',
    `/property:OutDir=${outputFolder}\\`,
    // A ";" separates properties on MSBuild's command line.
    `/property:EventscopeDefines=${definitions.join('%3B')}`,
  ];
}

export async function buildWithMsbuild(
  project: Project,
  tools: WindowsToolchain,
  folder: string,
  variant: BuildVariant,
  operation: Operation,
): Promise<BuildResult> {
  const diagnostics: Diagnostic[] = [];
  const staging = path.join(folder, 'staging');
  const outputs: { staged: string; final: string }[] = [];
  for (const side of ['driver', 'application'] as const) {
    const settings = project[side];
    const projectFile = await findProjectFile(project.folder, settings.sources, side);
    const out = path.join(staging, side);
    await mkdir(out, { recursive: true });
    operation.progress(`Building ${path.basename(projectFile)}`);
    const extra = side === 'driver' ? variant.driverDefines : variant.applicationDefines;
    const run = await runTool(tools.msbuild, msbuildArguments(projectFile, out, { ...settings.defines, ...extra }), {
      signal: operation.signal,
      folder: path.dirname(projectFile),
      environment: tools.environment,
      timeoutMs: 900_000,
    });
    diagnostics.push(...parseMsvcDiagnostics(run.standardOutput, path.dirname(projectFile)));
    if (run.exitCode !== 0) throw buildFailed(diagnostics, run.standardOutput);
    for (const ending of [side === 'driver' ? 'sys' : 'exe', 'pdb']) {
      const name = `${settings.name}.${ending}`;
      outputs.push({ staged: path.join(out, name), final: path.join(folder, name) });
    }
  }
  const rebuilt = await replaceChanged(outputs);
  return {
    driver: {
      sys: path.join(folder, `${project.driver.name}.sys`),
      pdb: path.join(folder, `${project.driver.name}.pdb`),
    },
    application: {
      exe: path.join(folder, `${project.application.name}.exe`),
      pdb: path.join(folder, `${project.application.name}.pdb`),
    },
    diagnostics: distinctDiagnostics(diagnostics),
    rebuilt,
    certificate: '',
  };
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
async function replaceChanged(outputs: readonly { staged: string; final: string }[]): Promise<string[]> {
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
