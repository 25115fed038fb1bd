/**
 * Command lines that make an x64 driver and an x64 application, each with its PDB, from clang, lld and mingw-w64.
 */
import path from 'node:path';
import type { Diagnostic } from './diagnostics.js';
import type { LinuxToolchain } from './find-linux.js';

const TARGET = '--target=x86_64-w64-mingw32';

/** Text that clang-diagnostics.ts reads. */
const DIAGNOSTICS = [
  '-fno-color-diagnostics',
  '-fdiagnostics-absolute-paths',
  '-fno-caret-diagnostics',
  '-fdiagnostics-print-source-range-info',
  '-ferror-limit=200',
];

const COMPILE = [
  '-c',
  '-std=gnu11',
  '-g',
  '-gcodeview',
  // Sources of the project go in by their names relative to its folder: two folders with the same sources make the same bytes.
  '-fdebug-compilation-dir=.',
  '-gno-codeview-command-line',
  // Fast enough to measure with, and a debugger still finds locals and lines.
  '-Og',
  '-Wall',
  '-Wextra',
  // clang's own mm3dnow.h, which mingw's intrin.h includes, warns about itself otherwise.
  '-D_CLANG_DISABLE_CRT_DEPRECATION_WARNINGS',
  ...DIAGNOSTICS,
];

/** A driver has no C runtime: nothing may be called that only a runtime has, such as the stack probe. */
const DRIVER = ['-mno-stack-arg-probe', '-fno-stack-protector', '-ffunction-sections'];

/**
 * mingw's kernel headers define functions (ntstrsafe.h, bit operations in wdm.h) in each object that includes them. The
 * linker is told to take the first and to drop what nobody calls; {@link isHeaderDuplicate} tells them from a project's own.
 */
const DRIVER_LINK = [
  '-shared',
  '-nostdlib',
  '-Wl,--subsystem,native',
  '-Wl,-e,DriverEntry',
  '-Wl,--allow-multiple-definition',
  '-Wl,--gc-sections',
];

export type Side = 'driver' | 'application';

/** Source and includes are relative to the project's folder, where the compiler runs, or absolute outside of it. */
export interface CompileCommand {
  readonly side: Side;
  readonly source: string;
  readonly includes: readonly string[];
  readonly defines: Readonly<Record<string, string>>;
  /** Beyond ours, such as -Werror. */
  readonly options: readonly string[];
  readonly object: string;
  /** The object as the linker is told of it; default `object`. */
  readonly objectName?: string;
  readonly dependencyFile: string;
}

export function compileArguments(tools: LinuxToolchain, command: CompileCommand): string[] {
  const kernel = command.side === 'driver';
  return [
    TARGET,
    ...COMPILE,
    ...(kernel ? DRIVER : []),
    ...Object.entries(command.defines).map(([name, value]) => `-D${name}=${value}`),
    ...command.includes.map((folder) => `-I${folder}`),
    ...(kernel ? ['-isystem', tools.ddkIncludes] : []),
    ...command.options,
    // The name goes into the debug information.
    '-Xclang',
    `-object-file-name=${command.objectName ?? command.object}`,
    command.source,
    '-o',
    command.object,
    '-MD',
    '-MF',
    command.dependencyFile,
  ];
}

/** Paths are relative to the folder of the build, where the linker runs: its name is in none of the results. */
export interface LinkCommand {
  readonly side: Side;
  readonly objects: readonly string[];
  readonly libraries: readonly string[];
  /** Program with wmain: the C runtime hands it wide arguments. */
  readonly wideMain: boolean;
  readonly binary: string;
  readonly pdb: string;
}

export function linkArguments(tools: LinuxToolchain, command: LinkCommand): string[] {
  const kernel = command.side === 'driver';
  return [
    TARGET,
    '-fuse-ld=lld',
    `--ld-path=${tools.lld}`,
    ...DIAGNOSTICS,
    ...(kernel ? DRIVER_LINK : []),
    ...(command.wideMain ? ['-municode'] : []),
    `-Wl,--pdb=${command.pdb}`,
    // The binary names its PDB without a folder of this machine, and the same inputs make the same bytes.
    '-Wl,-Xlink=-pdbaltpath:%_PDB%',
    '-Wl,-Xlink=-Brepro',
    // And the PDB names sources relative to the project's folder, as the objects do, wherever that is.
    '-Wl,-Xlink=-pdbsourcepath:.',
    ...command.objects,
    ...(kernel ? ['-lntoskrnl', '-lhal'] : []),
    ...command.libraries.map((name) => `-l${name}`),
    '-o',
    command.binary,
  ];
}

/** A symbol that is defined twice, and both times by a header of the toolchain. */
export function isHeaderDuplicate(tools: Pick<LinuxToolchain, 'ddkIncludes'>, diagnostic: Diagnostic): boolean {
  return (
    isDuplicate(diagnostic) &&
    [diagnostic, ...diagnostic.related].every(
      ({ file, line }) =>
        line === 0 || isInFolder(file, path.dirname(tools.ddkIncludes)) || /\/lib\/clang\//.test(file),
    )
  );
}

export function isDuplicate(diagnostic: Diagnostic): boolean {
  return diagnostic.symbol !== undefined && diagnostic.message.startsWith('duplicate symbol: ');
}

function isInFolder(file: string, folder: string): boolean {
  return !path.relative(folder, file).startsWith('..');
}

/**
 * Prerequisites of a make rule as clang's -MD writes it: spaces, '#' and '\' escaped by '\', '$' doubled, lines joined
 * by a '\' at their end.
 */
export function parseDependencyFile(text: string, folder: string): string[] {
  const joined = text.replace(/\\\r?\n/g, ' ');
  const colon = /:(?=\s)/.exec(joined);
  if (colon === null) return [];
  const files = new Set<string>();
  for (const match of joined
    .slice(colon.index + 1)
    .split('\n')[0]
    ?.matchAll(/(?:\\[ #\\]|\$\$|[^\s])+/g) ?? []) {
    files.add(path.resolve(folder, match[0].replace(/\\([ #\\])/g, '$1').replaceAll('$$', '$')));
  }
  return [...files];
}
