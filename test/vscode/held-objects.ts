/** Events on the target of a window under test, held by a program of ours until they are let go. */
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { loadProject } from '../../target/project.js';
import type { Operation } from '../../target/target.js';
import { openTarget } from '../../target/targets.js';
import { findLinuxToolchain } from '../../target/toolchain/find-linux.js';
import { runTool } from '../../target/toolchain/tool.js';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const READY_LIMIT_MS = 120_000;

async function compile(operation: Operation): Promise<string> {
  const { clang } = await findLinuxToolchain();
  const exe = path.join(ROOT, 'out', 'vscode', 'many_objects.exe');
  await mkdir(path.dirname(exe), { recursive: true });
  const source = path.join(ROOT, 'test', 'bench', 'many_objects.c');
  const args = ['--target=x86_64-w64-mingw32', '-O2', '-fuse-ld=lld', '-municode', source, '-lntdll', '-o', exe];
  const run = await runTool(clang, args, { signal: operation.signal });
  assert.equal(run.exitCode, 0, run.standardError);
  return exe;
}

/**
 * Makes a directory of notification events Event00000, Event00001, ..., not signaled, through an agent of its own.
 * @param folder of a workspace whose target runs
 * @param directory full path, such as \BaseNamedObjects\Held
 * @param options.limitMs until all of them are there
 * @param options.sddl of each event; default: what the target gives them
 */
export async function holdEvents(
  folder: string,
  directory: string,
  count: number,
  { limitMs = READY_LIMIT_MS, sddl }: { readonly limitMs?: number; readonly sddl?: string } = {},
): Promise<{ end(): Promise<void> }> {
  const operation: Operation = { signal: AbortSignal.timeout(limitMs), progress: () => undefined };
  const exe = await compile(operation);
  const target = await openTarget(await loadProject(folder));
  const client = await target.connect(operation);
  try {
    const program = `${target.folder}\\tmp\\many_objects.exe`;
    await target.upload(exe, program, operation);
    const ready = new Promise<void>((resolve, reject) => {
      client.onNotification('process/output', ({ data }) => {
        if (Buffer.from(data).includes('ready')) resolve();
      });
      client.onNotification('process/exited', ({ exitCode }) =>
        reject(new Error(`many_objects ended with ${exitCode}`)),
      );
      operation.signal.addEventListener('abort', () => reject(new Error('many_objects did not get ready')));
    });
    ready.catch(() => undefined);
    const given = [directory, String(count), ...(sddl === undefined ? [] : [sddl])];
    await client.request('process/start', { program, arguments: given, endWithAgent: true });
    await ready;
  } catch (error) {
    await client.close();
    throw error;
  }
  return { end: () => client.close() };
}
