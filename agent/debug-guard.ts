/**
 * Takes over when the agent dies while it debugs: a process of its own that has the debug object and the repair table too. Without it
 * every process that was attached to would run into the INT3s that were left in it, and a held one would stay held. What was launched
 * is ended, as it would be with the agent; the rest is put back and goes on.
 */
import { spawn } from 'node:child_process';
import { ContinueDebugEvent, DBG_CONTINUE, NtResumeProcess, OpenThread } from './debug-native.js';
import { closeHandle, DebugObject } from './debug-events.js';
import { DebugLoop } from './debug-loop.js';
import { DebuggedThread } from './debug-process.js';
import {
  CreateEventW,
  GetCurrentProcess,
  GetCurrentProcessId,
  INFINITE,
  OpenProcess,
  SetEvent,
  TerminateProcess,
  WaitForSingleObject,
} from './native/common-native.js';
import type { Handle } from './native/memory.js';
import { HELD, RepairTable, RowKind, STEPPING, type RepairRow } from './repair-table.js';
import { DUPLICATE_SAME_ACCESS, DuplicateHandle } from './tracepoints-native.js';
import { CONTEXT_CONTROL, CONTEXT_DEBUG_REGISTERS, EFLAGS } from '../machine/x64-context.js';

export const GUARD_OPTION = '--debug-guard';
const PROCESS_ALL_ACCESS = 0x1f_ffff;
const THREAD_ALL_ACCESS = 0x1f_ffff;
const SYNCHRONIZE_AND_DUPLICATE = 0x10_0040;
const READY_TIMEOUT_MS = 5_000;
const POLL_MS = 10;

/** Starts the guard. Settles when it is on guard; rejects when it does not come. */
export async function startGuard(bundle: string, object: Handle, section: Handle): Promise<void> {
  const ready = CreateEventW(null, 1, 0, null);
  const handles = [object, section, ready].map(String);
  const child = spawn(process.execPath, [bundle, GUARD_OPTION, String(GetCurrentProcessId()), ...handles], {
    stdio: 'ignore',
    windowsHide: true,
    // Node ends the others with itself.
    detached: true,
  });
  const failed = new Promise<never>((_, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`The debug guard ended with ${code}`)));
  });
  failed.catch(() => {});
  child.unref();
  try {
    await Promise.race([failed, signaled(ready)]);
  } finally {
    closeHandle(ready);
  }
}

async function signaled(event: Handle): Promise<void> {
  for (const until = performance.now() + READY_TIMEOUT_MS; WaitForSingleObject(event, 0) !== 0;) {
    if (performance.now() > until) {
      throw new Error(`The debug guard did not come within ${READY_TIMEOUT_MS} ms`);
    }
    await new Promise((next) => setTimeout(next, POLL_MS));
  }
}

/** The guard's whole life. arguments: the agent's process id; its handles of debug object, table and ready event. */
export function runDebugGuard(parameters: readonly string[]): void {
  const [agentId = 0, ...theirs] = parameters.map(Number);
  const agent = OpenProcess(SYNCHRONIZE_AND_DUPLICATE, 0, agentId);
  const [object, section, ready] = theirs.map((handle) => takeHandle(agent, handle));
  if (agent === 0 || object === undefined || section === undefined || ready === undefined) {
    process.exitCode = 1;
    return;
  }
  const table = new RepairTable(section);
  SetEvent(ready);
  closeHandle(ready);
  WaitForSingleObject(agent, INFINITE);
  const rows = table.rows();
  const { taking } = table;
  const loop = new DebugLoop(new DebugObject(object), () => {}, table);
  for (const row of rows) {
    if (row.kind === RowKind.Process) {
      leave(
        loop,
        row,
        rows.filter(({ process: of }) => of === row.process),
        taking,
      );
    } else if (row.kind === RowKind.LaunchedProcess) {
      end(row.process);
    }
  }
}

function takeHandle(agent: Handle, handle: number): Handle | undefined {
  const ours = new BigUint64Array(1);
  const taken = DuplicateHandle(agent, handle, GetCurrentProcess(), ours, 0, 0, DUPLICATE_SAME_ACCESS);
  return taken === 0 ? undefined : (ours[0] ?? 0n);
}

function end(processId: number): void {
  const handle = OpenProcess(PROCESS_ALL_ACCESS, 0, processId);
  if (handle !== 0) {
    TerminateProcess(handle, 1);
    closeHandle(handle);
  }
}

/** What the agent's detach would have done, from what the table says. */
function leave(
  loop: DebugLoop,
  { process: processId, flags }: RepairRow,
  rows: readonly RepairRow[],
  taking: boolean,
): void {
  const handle = OpenProcess(PROCESS_ALL_ACCESS, 0, processId);
  if (handle === 0) {
    return;
  }
  const process = loop.inventory.addProcess(processId, handle, `process ${processId}`);
  process.freeze();
  if ((flags & HELD) !== 0) {
    // The agent's own hold, if it came to it: ours is there.
    NtResumeProcess(handle);
  }
  for (const row of rows) {
    if (row.kind === RowKind.Int3) {
      process.adoptPatch(row.value, row.flags);
    } else if (row.kind === RowKind.Thread) {
      const threadHandle = OpenThread(THREAD_ALL_ACCESS, 0, Number(row.value));
      if (threadHandle !== 0) {
        const thread = new DebuggedThread(0, process, Number(row.value), threadHandle, 0n);
        thread.held = (row.flags & HELD) !== 0;
        process.threads.set(thread.threadId, thread);
        clearTraps(thread, (row.flags & STEPPING) !== 0);
      }
    }
  }
  for (const thread of process.threads.values()) {
    // The event that the agent had taken and not continued; there is none of the others.
    const taken = ContinueDebugEvent(processId, thread.threadId, DBG_CONTINUE) !== 0;
    if (taken && taking) {
      standBefore(thread);
    }
  }
  loop.detach([process]);
}

/** A thread that met an INT3, of which the agent had no time to say where it goes on: its process is held. */
function standBefore(thread: DebuggedThread): void {
  const context = thread.readContext(CONTEXT_CONTROL);
  if (thread.process.isPatched(context.rip - 1n)) {
    context.rip -= 1n;
    thread.writeContext(context, CONTEXT_CONTROL);
  }
}

function clearTraps(thread: DebuggedThread, stepping: boolean): void {
  try {
    const context = thread.readContext(CONTEXT_CONTROL | CONTEXT_DEBUG_REGISTERS);
    if (stepping) {
      context.eflags &= ~EFLAGS.trap;
      thread.writeContext(context, CONTEXT_CONTROL);
    }
    if (context.get('dr7') !== 0n) {
      context.set('dr7', 0n);
      thread.writeContext(context, CONTEXT_DEBUG_REGISTERS);
    }
  } catch {
    // It is ending, or has not begun.
  }
}
