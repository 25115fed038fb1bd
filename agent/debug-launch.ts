/** Starts a program as the debug thread's own debuggee, with its output on two pipes of the agent's. */
import { commandLine } from '../machine/command-line.js';
import type { RequestParams } from '../protocol/agent-rpc.js';
import {
  CREATE_NO_WINDOW,
  CREATE_UNICODE_ENVIRONMENT,
  CreateProcessW,
  DEBUG_ONLY_THIS_PROCESS,
  HANDLE_FLAG_INHERIT,
  SetHandleInformation,
} from './debug-native.js';
import { closeHandle } from './debug-events.js';
import {
  CreateFileW,
  FILE_SHARE_READ,
  FILE_SHARE_WRITE,
  GENERIC_READ,
  GENERIC_WRITE,
  GetLastError,
  isInvalid,
  OPEN_EXISTING,
} from './native/common-native.js';
import { PROCESS_INFORMATION, STARTUPINFOW } from './native/layouts.js';
import { NativeMemory, type Handle } from './native/memory.js';
import { win32Error } from './native/native-error.js';

const STARTF_USESTDHANDLES = 0x100;

export interface Launched {
  readonly processId: number;
  readonly process: Handle;
}

/** @param pipes of standard output and standard error, whose servers listen already */
export function launch(params: RequestParams<'debug/launch'>, pipes: readonly [string, string]): Launched {
  const files = [
    ['NUL', GENERIC_READ],
    [pipes[0], GENERIC_WRITE],
    [pipes[1], GENERIC_WRITE],
  ] as const;
  const handles: Handle[] = [];
  try {
    for (const [name, access] of files) {
      handles.push(openInheritable(name, access));
    }
    return create(params, handles);
  } finally {
    for (const handle of handles) {
      closeHandle(handle);
    }
  }
}

function openInheritable(name: string, access: number): Handle {
  const handle = CreateFileW(name, access, FILE_SHARE_READ | FILE_SHARE_WRITE, null, OPEN_EXISTING, 0, 0);
  if (isInvalid(handle)) {
    throw win32Error('CreateFileW', GetLastError(), name);
  }
  SetHandleInformation(handle, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
  return handle;
}

function create(params: RequestParams<'debug/launch'>, handles: readonly Handle[]): Launched {
  const line = Buffer.from(`${commandLine(params.program, params.arguments)}\0`, 'utf16le');
  const startup = new NativeMemory(STARTUPINFOW.size);
  const information = Buffer.alloc(PROCESS_INFORMATION.size);
  try {
    startup.bytes.writeUInt32LE(STARTUPINFOW.size, STARTUPINFOW.cb);
    startup.bytes.writeUInt32LE(STARTF_USESTDHANDLES, STARTUPINFOW.dwFlags);
    for (const [index, handle] of handles.entries()) {
      startup.bytes.writeBigInt64LE(BigInt(handle), STARTUPINFOW.hStdInput + index * 8);
    }
    const flags = DEBUG_ONLY_THIS_PROCESS | CREATE_UNICODE_ENVIRONMENT | CREATE_NO_WINDOW;
    const environment = environmentBlock({ ...process.env, ...params.environment });
    const folder = params.workingFolder ?? null;
    const made = CreateProcessW(
      params.program,
      line,
      null,
      null,
      1,
      flags,
      environment,
      folder,
      startup.address,
      information,
    );
    if (made === 0) {
      throw win32Error('CreateProcessW', GetLastError(), params.program);
    }
  } finally {
    startup.free();
  }
  closeHandle(information.readBigInt64LE(PROCESS_INFORMATION.hThread));
  return {
    processId: information.readUInt32LE(PROCESS_INFORMATION.dwProcessId),
    process: information.readBigInt64LE(PROCESS_INFORMATION.hProcess),
  };
}

/** Sorted by name without case, as CreateProcessW wants it. */
function environmentBlock(variables: NodeJS.ProcessEnv): Buffer {
  const lines = Object.entries(variables)
    .filter((entry): entry is [string, string] => entry[1] !== undefined)
    .sort(([a], [b]) => (a.toUpperCase() < b.toUpperCase() ? -1 : 1))
    .map(([name, value]) => `${name}=${value}\0`);
  return Buffer.from(`${lines.join('')}\0`, 'utf16le');
}
