/**
 * The privileges that this process uses. An administrator's token holds them, switched off: whoever wants one must enable it
 * first, and a driver sees those that are enabled when its device is opened.
 */
import { describeWin32Error } from '../machine/status.js';
import type { PrivilegeState } from '../protocol/agent-rpc.js';
import { OpenProcessToken } from './information-native.js';
import { CloseHandle, GetCurrentProcess, GetLastError } from './native/common-native.js';
import { TOKEN_PRIVILEGES } from './native/layouts.js';
import type { Handle } from './native/memory.js';
import { AdjustTokenPrivileges, LookupPrivilegeValueW } from './privileges-native.js';

/** Debug: trace rings and kernel addresses of drivers, other users' processes. LoadDriver: the starting of drivers. */
const WANTED = ['SeDebugPrivilege', 'SeLoadDriverPrivilege'] as const;

const TOKEN_QUERY = 8;
const TOKEN_ADJUST_PRIVILEGES = 0x20;
const SE_PRIVILEGE_ENABLED = 2;
const ERROR_SUCCESS = 0;
const LUID_BYTES = 8;

/** Enables what the token holds, once, before any device is opened; tells of each whether it is enabled now. */
export function enablePrivileges(): PrivilegeState[] {
  const out = new BigInt64Array(1);
  if (OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY | TOKEN_ADJUST_PRIVILEGES, out) === 0) {
    const reason = describeWin32Error(GetLastError());
    return WANTED.map((name) => ({ name, enabled: false, reason }));
  }
  const token = out[0] ?? 0n;
  try {
    return WANTED.map((name) => {
      const error = enable(token, name);
      return error === ERROR_SUCCESS
        ? { name, enabled: true }
        : { name, enabled: false, reason: describeWin32Error(error) };
    });
  } finally {
    CloseHandle(token);
  }
}

/** Win32 error; ERROR_NOT_ALL_ASSIGNED (1300) when the token does not hold it. */
function enable(token: Handle, name: string): number {
  const luid = Buffer.alloc(LUID_BYTES);
  if (LookupPrivilegeValueW(null, name, luid) === 0) {
    return GetLastError();
  }
  const state = Buffer.alloc(TOKEN_PRIVILEGES.size);
  state.writeUInt32LE(1, TOKEN_PRIVILEGES.PrivilegeCount);
  luid.copy(state, TOKEN_PRIVILEGES.Privileges);
  state.writeUInt32LE(SE_PRIVILEGE_ENABLED, TOKEN_PRIVILEGES.Privileges + LUID_BYTES);
  AdjustTokenPrivileges(token, 0, state, state.length, null, null);
  return GetLastError();
}
