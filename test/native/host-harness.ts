/**
 * Builds the host harness of the driver and its fuzz target with clang for this machine. The driver's sources are compiled
 * as they are, against the model of the kernel in `driver/harness`.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const COMPILE_MS = 120_000;
/** Two compilers at once: what a small machine has. */
const COMPILERS = 2;

export const repository = fileURLToPath(new URL('../..', import.meta.url));
export const driverFolder = path.join(repository, 'driver');
const buildFolder = path.join(repository, '.eventscope', 'build', 'host');

/** `address`: AddressSanitizer and UBSan. `thread`: ThreadSanitizer on the driver. `fuzz`: libFuzzer, address. */
export type Instrumentation = 'address' | 'thread' | 'fuzz';

const BASE = [
  '-std=gnu17',
  '-fshort-wchar',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-Wno-multichar',
  '-Wno-four-char-constants',
  '-Wno-unknown-pragmas',
  '-g',
  '-O1',
  '-fno-omit-frame-pointer',
];
const ADDRESS = ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'];

/** How the driver, the model around it, and the link are instrumented. */
const FLAGS: Record<Instrumentation, { driver: string[]; model: string[]; link: string[] }> = {
  address: { driver: ADDRESS, model: ADDRESS, link: ADDRESS },
  // The model stays out of ThreadSanitizer's sight, or its lock would order the driver's threads (model_internal.h).
  thread: {
    driver: ['-fsanitize=thread', '-mllvm', '-tsan-distinguish-volatile'],
    model: ['-DHARNESS_TSAN'],
    link: ['-fsanitize=thread'],
  },
  fuzz: {
    driver: [...ADDRESS, '-fsanitize=fuzzer-no-link'],
    model: ADDRESS,
    link: [...ADDRESS, '-fsanitize=fuzzer'],
  },
};

/** The first of clang-19 and clang that runs. */
export async function findClang(): Promise<string> {
  for (const name of ['clang-19', 'clang']) {
    try {
      await run(name, ['--version'], { timeout: COMPILE_MS });
      return name;
    } catch {
      // The next name.
    }
  }
  throw new Error(
    'clang is missing: the host harness is compiled with it. On Debian: apt-get install clang-19 libclang-rt-19-dev',
  );
}

async function newestHeader(folder: string): Promise<number> {
  let newest = 0;
  for (const entry of await readdir(folder, { recursive: true })) {
    if (entry.endsWith('.h')) {
      newest = Math.max(newest, (await stat(path.join(folder, entry))).mtimeMs);
    }
  }
  return newest;
}

interface Unit {
  readonly source: string;
  readonly object: string;
  readonly flags: readonly string[];
}

async function compile(clang: string, unit: Unit, headers: number): Promise<boolean> {
  const command = [...unit.flags, '-c', unit.source, '-o', unit.object];
  const commandFile = `${unit.object}.command`;
  const line = command.join(' ');
  if (existsSync(unit.object) && existsSync(commandFile)) {
    const made = (await stat(unit.object)).mtimeMs;
    const changed = Math.max(headers, (await stat(unit.source)).mtimeMs);
    if (made > changed && (await readFile(commandFile, 'utf8')) === line) {
      return false;
    }
  }
  await run(clang, command, { timeout: COMPILE_MS });
  await writeFile(commandFile, line);
  return true;
}

async function sourcesIn(folder: string): Promise<string[]> {
  const names = await readdir(path.join(driverFolder, folder));
  return names.filter((name) => name.endsWith('.c')).map((name) => path.join(driverFolder, folder, name));
}

/** Scenarios and their runner: all but the model itself. */
const isScenario = (source: string): boolean => /(scenarios_\w+|runner|app)\.c$/.test(source);

async function units(kind: Instrumentation, folder: string): Promise<Unit[]> {
  const include = ['harness/include', 'harness', 'include'].map((name) => `-I${path.join(driverFolder, name)}`);
  const flags = FLAGS[kind];
  const unit = (source: string, extra: string[]): Unit => ({
    source,
    object: path.join(folder, `${path.basename(path.dirname(source))}-${path.basename(source)}.o`),
    flags: [...BASE, ...include, ...extra],
  });
  const image = path.join(driverFolder, 'harness', 'include', 'driver_image.h');
  const faults = kind === 'fuzz' ? [] : ['-DEVENTSYS_TEST_FAULTS'];
  const driver = await sourcesIn('sys');
  const model = await sourcesIn('harness');
  const result = driver.map((source) =>
    unit(source, [...flags.driver, '-include', image, '-DEVENTSCOPE_TRACE=1', ...faults]),
  );
  for (const source of model) {
    if (kind !== 'fuzz' || !isScenario(source)) {
      result.push(unit(source, flags.model));
    }
  }
  if (kind === 'fuzz') {
    result.push(unit(path.join(driverFolder, 'fuzz', 'fuzz_ioctl.c'), flags.driver));
  }
  return result;
}

async function compileAll(clang: string, all: readonly Unit[]): Promise<boolean> {
  const headers = Math.max(
    ...(await Promise.all(['harness', 'include', 'sys'].map((name) => newestHeader(path.join(driverFolder, name))))),
  );
  const waiting = [...all];
  let changed = false;
  const worker = async (): Promise<void> => {
    for (let unit = waiting.shift(); unit !== undefined; unit = waiting.shift()) {
      changed = (await compile(clang, unit, headers)) || changed;
    }
  };
  await Promise.all(Array.from({ length: COMPILERS }, worker));
  return changed;
}

/** Path of the program: the runner of the scenarios, or the fuzz target. Compiles what has changed. */
export async function buildHost(kind: Instrumentation): Promise<string> {
  const clang = await findClang();
  const folder = path.join(buildFolder, kind);
  const program = path.join(folder, kind === 'fuzz' ? 'fuzz_ioctl' : 'harness');
  await mkdir(folder, { recursive: true });
  const all = await units(kind, folder);
  const changed = await compileAll(clang, all);
  if (changed || !existsSync(program)) {
    const objects = all.map((unit) => unit.object);
    await run(clang, [...FLAGS[kind].link, ...objects, '-o', program], { timeout: COMPILE_MS });
  }
  return program;
}

/** Path of the program that writes the fuzzer's seeds. */
export async function buildSeeds(): Promise<string> {
  const clang = await findClang();
  const program = path.join(buildFolder, 'fuzz', 'seeds');
  await mkdir(path.dirname(program), { recursive: true });
  const source = path.join(driverFolder, 'fuzz', 'seeds.c');
  await run(clang, ['-std=gnu17', '-Wall', '-Wextra', '-Werror', source, '-o', program], { timeout: COMPILE_MS });
  return program;
}

/** The sanitizers' settings: the model itself counts what the driver leaks. */
export const sanitizerEnvironment: NodeJS.ProcessEnv = {
  ...process.env,
  ASAN_OPTIONS: 'detect_leaks=0',
  UBSAN_OPTIONS: 'print_stacktrace=1',
  TSAN_OPTIONS: 'halt_on_error=1',
};
