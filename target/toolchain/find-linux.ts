/**
 * Finding clang, lld, mingw-w64 and the signing tools on a Linux host, or saying which package brings them.
 */
import { constants } from 'node:fs';
import { access, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { EventscopeError } from '../../protocol/errors.js';

export interface LinuxToolchain {
  readonly kind: 'clang';
  readonly clang: string;
  readonly lld: string;
  /** Folder of mingw-w64's own `ddk` headers. */
  readonly ddkIncludes: string;
  readonly osslsigncode: string;
  readonly openssl: string;
}

export interface MissingTool {
  readonly tool: string;
  /** Debian's name of the package that brings it. */
  readonly package: string;
}

/** Where to look; a test has another one. */
export interface LinuxPlaces {
  /** Folders of programs, in order. */
  readonly programFolders: readonly string[];
  readonly mingwFolders: readonly string[];
}

/** Versions that were tried come first; then newer ones; then whatever has the plain name. */
const CLANG_VERSIONS = ['-19', '-18', '-17', '-16', '-15', '-14', '-20', '-21', '-22', ''];
const MINGW_FOLDERS = ['/usr/x86_64-w64-mingw32/include', '/usr/share/mingw-w64/include'];

export function usualLinuxPlaces(environment: NodeJS.ProcessEnv = process.env): LinuxPlaces {
  return {
    programFolders: (environment['PATH'] ?? '').split(path.delimiter).filter((folder) => path.isAbsolute(folder)),
    mingwFolders: MINGW_FOLDERS,
  };
}

/** @throws EventscopeError `toolchain.missing`, naming every missing tool at once and the command that installs them */
export async function findLinuxToolchain(places: LinuxPlaces = usualLinuxPlaces()): Promise<LinuxToolchain> {
  const pair = await findClangAndLld(places.programFolders);
  const [osslsigncode, openssl] = await Promise.all([
    findProgram('osslsigncode', places.programFolders),
    findProgram('openssl', places.programFolders),
  ]);
  const ddkIncludes = await findDdk(places.mingwFolders);
  const missing: MissingTool[] = [];
  if (pair.clang === undefined) missing.push({ tool: 'clang', package: 'clang-19' });
  if (pair.lld === undefined) missing.push({ tool: 'ld.lld', package: `lld${pair.version ?? '-19'}` });
  if (ddkIncludes === undefined) missing.push({ tool: 'the mingw-w64 headers (ddk/wdm.h)', package: 'mingw-w64' });
  if (osslsigncode === undefined) missing.push({ tool: 'osslsigncode', package: 'osslsigncode' });
  if (openssl === undefined) missing.push({ tool: 'openssl', package: 'openssl' });
  if (
    pair.clang === undefined ||
    pair.lld === undefined ||
    ddkIncludes === undefined ||
    osslsigncode === undefined ||
    openssl === undefined
  ) {
    throw missingTools('The toolchain is not complete', missing);
  }
  return { kind: 'clang', clang: pair.clang, lld: pair.lld, ddkIncludes, osslsigncode, openssl };
}

export function missingTools(what: string, missing: readonly MissingTool[]): EventscopeError {
  return new EventscopeError({
    id: 'toolchain.missing',
    what,
    why: `${missing.map((item) => item.tool).join(', ')} not found`,
    next: `Install with: sudo apt-get install ${[...new Set(missing.map((item) => item.package))].join(' ')}`,
    data: { missing },
  });
}

/** A program's path, its links kept: a program may look at the name it is called by. */
export async function findProgram(name: string, folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    const candidate = path.join(folder, name);
    if (await isProgram(candidate)) return candidate;
  }
  return undefined;
}

/** Says whether a program is still the one that made something: path behind its links, size and time of change. */
export async function programIdentity(program: string): Promise<string> {
  const real = await realpath(program);
  const { size, mtimeMs } = await stat(real);
  return `${real} ${size} ${mtimeMs}`;
}

/** A clang and the lld of the same release: what one writes the other was made to read. */
async function findClangAndLld(
  folders: readonly string[],
): Promise<{ clang?: string; lld?: string; version?: string | undefined }> {
  let firstClang: { clang: string; version: string } | undefined;
  for (const version of CLANG_VERSIONS) {
    const clang = await findProgram(`clang${version}`, folders);
    if (clang === undefined) continue;
    const lld = await findProgram(`ld.lld${version}`, folders);
    if (lld !== undefined) return { clang, lld };
    firstClang ??= { clang, version };
  }
  if (firstClang !== undefined) return firstClang;
  for (const version of CLANG_VERSIONS) {
    const lld = await findProgram(`ld.lld${version}`, folders);
    if (lld !== undefined) return { lld };
  }
  return {};
}

async function findDdk(folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    const ddk = path.join(folder, 'ddk');
    if (await exists(path.join(ddk, 'wdm.h'))) return ddk;
  }
  return undefined;
}

async function isProgram(candidate: string): Promise<boolean> {
  try {
    await access(candidate, constants.X_OK);
    return (await stat(candidate)).isFile();
  } catch {
    return false;
  }
}

async function exists(candidate: string): Promise<boolean> {
  try {
    await access(candidate);
    return true;
  } catch {
    return false;
  }
}
