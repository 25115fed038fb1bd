/** What the client may ask of the debug thread: the one table. Nothing here waits. */
import type { RequestParams, RequestResult } from '../protocol/agent-rpc.js';
import { CONTEXT_ALL, X64Context } from '../machine/x64-context.js';
import { NtDebugActiveProcess } from './debug-native.js';
import { launch } from './debug-launch.js';
import type { DebugLoop } from './debug-loop.js';
import type { DebugCall, DebugRequestName } from './debug-worker.js';
import { windowsBaseName } from '../machine/command-line.js';
import { CloseHandle, GetLastError, OpenProcess } from './native/common-native.js';
import { ntstatusError, plainError, win32Error } from './native/native-error.js';
import { listProcesses } from './system-information.js';

const PROCESS_ALL_ACCESS = 0x1f_ffff;

type Operations = {
  readonly [N in DebugRequestName]: (loop: DebugLoop, params: RequestParams<N>, call: DebugCall) => RequestResult<N>;
};

export const debugOperations: Operations = {
  'debug/launch': (loop, params, { pipes }) => {
    if (pipes === undefined) {
      throw plainError('A launch needs its pipes');
    }
    const { processId, process } = launch(params, pipes);
    const debugged = loop.inventory.addProcess(processId, process, windowsBaseName(params.program), true);
    debugged.awaitsEntry = true;
    return { space: debugged.space, process: processId };
  },
  'debug/attach': (loop, { process: processId }) => {
    const handle = OpenProcess(PROCESS_ALL_ACCESS, 0, processId);
    if (handle === 0) {
      throw win32Error('OpenProcess', GetLastError(), `process ${processId}`);
    }
    const name = listProcesses().find(({ process }) => process === processId)?.name ?? `process ${processId}`;
    const debugged = loop.inventory.addProcess(processId, handle, name);
    const status = NtDebugActiveProcess(handle, loop.object.handle);
    if (status < 0) {
      loop.inventory.removeProcess(debugged);
      CloseHandle(handle);
      throw ntstatusError('NtDebugActiveProcess', status, `process ${processId}`);
    }
    loop.takeEvents();
    return { space: debugged.space };
  },
  'debug/configure': (loop, { freezeOthers, stopOnLoad, stopOnExceptions }) => {
    loop.freezeOthers = freezeOthers ?? loop.freezeOthers;
    loop.stopOnLoad = stopOnLoad === undefined ? loop.stopOnLoad : new Set(stopOnLoad);
    loop.stopOnExceptions = stopOnExceptions === undefined ? loop.stopOnExceptions : new Set(stopOnExceptions);
    return {};
  },
  'debug/read': (loop, { space, ranges }) => {
    const process = loop.inventory.processOf(space);
    return { data: ranges.map(({ address, length }) => process.read(address, length) ?? null) };
  },
  'debug/write': (loop, { space, address, data }) => {
    const refused = loop.inventory.processOf(space).write(address, data);
    return refused === undefined ? {} : { refused };
  },
  'debug/registers': (loop, { threads }) => {
    loop.requireStopped();
    return { registers: threads.map((id) => loop.inventory.thread(id).readContext().bytes) };
  },
  'debug/setRegisters': (loop, { thread, registers }) => {
    loop.requireStopped();
    loop.inventory.thread(thread).writeContext(new X64Context(registers), CONTEXT_ALL & ~0x10);
    return {};
  },
  'debug/setBreakpoints': (loop, { breakpoints }) => ({
    breakpoints: breakpoints.map((request) => {
      try {
        const made = loop.setBreakpoint(request);
        return typeof made === 'string' ? { error: made } : { id: made.id };
      } catch (error) {
        return { error: error instanceof Error ? error.message : String(error) };
      }
    }),
  }),
  'debug/removeBreakpoints': (loop, { breakpoints }) => {
    for (const id of breakpoints) {
      loop.removeBreakpoint(id);
    }
    return {};
  },
  'debug/resume': (loop, { passException }) => {
    loop.resume(passException ?? true);
    return {};
  },
  'debug/step': (loop, { thread, range, stepOverCalls, runOthers }) => {
    loop.step({
      thread: loop.inventory.thread(thread),
      range,
      stepOverCalls: stepOverCalls ?? false,
      runOthers: runOthers ?? false,
    });
    return {};
  },
  'debug/pause': (loop) => {
    loop.pause();
    return {};
  },
  'debug/detach': (loop, { space }) => {
    loop.detach(space === undefined ? loop.inventory.processes : [loop.inventory.processOf(space)]);
    return {};
  },
  'debug/terminate': (loop) => {
    loop.terminate();
    return {};
  },
};
