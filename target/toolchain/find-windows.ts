/**
 * Finding MSBuild with the WDK, or an Enterprise WDK, on a Windows host. Everything that looks at the machine goes through
 * {@link WindowsHost}, so that the decisions are tested with fixtures; none of it has run on a real Windows machine yet.
 */
import { access, readdir } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { EventscopeError } from '../../protocol/errors.js';
import { runTool } from './tool.js';

export interface WindowsToolchain {
  readonly kind: 'msbuild';
  /** Full path of MSBuild.exe, or "msbuild" in an EWDK environment, whose PATH has it. */
  readonly msbuild: string;
  readonly signtool: string;
  /** The environment that the tools need: the host's own, or the EWDK's. */
  readonly environment: NodeJS.ProcessEnv;
}

export interface WindowsHost {
  readonly environment: NodeJS.ProcessEnv;
  exists(file: string): Promise<boolean>;
  /** Names in a folder; empty when there is no such folder. */
  list(folder: string): Promise<readonly string[]>;
  /** Standard output of a program. */
  run(program: string, args: readonly string[]): Promise<string>;
}

const vswhereAnswer = v.array(v.object({ installationPath: v.string(), installationVersion: v.string() }));

/** @throws EventscopeError `toolchain.missing`, with what to install */
export async function findWindowsToolchain(host: WindowsHost = thisHost()): Promise<WindowsToolchain> {
  const ewdk = host.environment['EWDK'];
  if (ewdk !== undefined && ewdk !== '') return findInEwdk(host, ewdk);
  const programs = host.environment['ProgramFiles(x86)'] ?? 'C:\\Program Files (x86)';
  const vswhere = path.win32.join(programs, 'Microsoft Visual Studio', 'Installer', 'vswhere.exe');
  const kits = path.win32.join(programs, 'Windows Kits', '10');
  const [msbuild, signtool, hasWdk] = [
    (await host.exists(vswhere)) ? await findMsbuild(host, vswhere) : undefined,
    await findSigntool(host, kits),
    await hasDriverKit(host, kits),
  ];
  const missing = [
    ...(msbuild === undefined
      ? [{ tool: 'MSBuild', package: 'Visual Studio with "Desktop development with C++"' }]
      : []),
    ...(hasWdk ? [] : [{ tool: 'ntddk.h', package: 'the Windows Driver Kit' }]),
    ...(signtool === undefined ? [{ tool: 'signtool', package: 'the Windows SDK' }] : []),
  ];
  if (msbuild === undefined || signtool === undefined || !hasWdk) {
    throw new EventscopeError({
      id: 'toolchain.missing',
      what: 'The toolchain is not complete',
      why: `${missing.map((item) => item.tool).join(', ')} not found`,
      next: `Install ${missing.map((item) => item.package).join(', ')}; or set EWDK to the folder of an Enterprise WDK.`,
      data: { missing },
    });
  }
  return { kind: 'msbuild', msbuild, signtool, environment: host.environment };
}

async function findMsbuild(host: WindowsHost, vswhere: string): Promise<string | undefined> {
  const text = await host.run(vswhere, [
    '-latest',
    '-products',
    '*',
    '-requires',
    'Microsoft.Component.MSBuild',
    '-format',
    'json',
    '-utf8',
  ]);
  for (const installation of parseVswhere(text)) {
    const candidate = path.win32.join(installation, 'MSBuild', 'Current', 'Bin', 'amd64', 'MSBuild.exe');
    if (await host.exists(candidate)) return candidate;
  }
  return undefined;
}

/** Installation folders, newest first, from what `vswhere -format json` prints; none when it is no such text. */
export function parseVswhere(text: string): string[] {
  let json: unknown;
  try {
    json = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    return [];
  }
  const answer = v.safeParse(vswhereAnswer, json);
  if (!answer.success) return [];
  return [...answer.output]
    .sort((a, b) => compareVersions(b.installationVersion, a.installationVersion))
    .map((item) => item.installationPath);
}

/** Numbers between dots, compared one by one: 10.0.9 is before 10.0.26100. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)];
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

async function kitVersions(host: WindowsHost, folder: string): Promise<string[]> {
  const names = await host.list(folder);
  return names.filter((name) => /^\d+(\.\d+){3}$/.test(name)).sort((a, b) => compareVersions(b, a));
}

async function findSigntool(host: WindowsHost, kits: string): Promise<string | undefined> {
  const bin = path.win32.join(kits, 'bin');
  for (const version of await kitVersions(host, bin)) {
    const candidate = path.win32.join(bin, version, 'x64', 'signtool.exe');
    if (await host.exists(candidate)) return candidate;
  }
  return undefined;
}

async function hasDriverKit(host: WindowsHost, kits: string): Promise<boolean> {
  const include = path.win32.join(kits, 'Include');
  for (const version of await kitVersions(host, include)) {
    if (await host.exists(path.win32.join(include, version, 'km', 'ntddk.h'))) return true;
  }
  return false;
}

/** An EWDK is a folder tree that works after its own script has set an environment up: ask the script for it. */
async function findInEwdk(host: WindowsHost, ewdk: string): Promise<WindowsToolchain> {
  const setup = path.win32.join(ewdk, 'BuildEnv', 'SetupBuildEnv.cmd');
  if (!(await host.exists(setup))) {
    throw new EventscopeError({
      id: 'toolchain.missing',
      what: 'The toolchain is not complete',
      why: `EWDK names ${ewdk}, and there is no ${setup}`,
      next: 'Set EWDK to the root of a mounted Enterprise WDK, or unset it.',
    });
  }
  const text = await host.run('cmd.exe', ['/d', '/s', '/c', `call "${setup}" amd64 >nul && set`]);
  const environment = parseEnvironment(text);
  const signtool = await findSigntool(host, path.win32.join(ewdk, 'Program Files', 'Windows Kits', '10'));
  if (signtool === undefined) {
    throw new EventscopeError({
      id: 'toolchain.missing',
      what: 'The toolchain is not complete',
      why: `signtool not found in ${ewdk}`,
      next: 'Set EWDK to the root of a complete Enterprise WDK.',
    });
  }
  return { kind: 'msbuild', msbuild: 'msbuild.exe', signtool, environment };
}

/** NAME=value lines as `set` prints them. */
export function parseEnvironment(text: string): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = {};
  for (const line of text.split(/\r?\n/)) {
    // cmd.exe keeps the current folder of each drive under names that begin with "=".
    const equals = line.indexOf('=');
    if (equals > 0) environment[line.slice(0, equals)] = line.slice(equals + 1);
  }
  return environment;
}

function thisHost(): WindowsHost {
  return {
    environment: process.env,
    exists: (file) =>
      access(file).then(
        () => true,
        () => false,
      ),
    list: (folder) => readdir(folder).catch(() => []),
    run: async (program, args) => {
      const result = await runTool(program, args, { signal: AbortSignal.timeout(60_000) });
      return result.standardOutput;
    },
  };
}
