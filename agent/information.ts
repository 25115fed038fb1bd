/** What the agent tells about itself and the system it runs on. */
import { cpus, hostname } from 'node:os';
import type { PrivilegeState, RequestResult } from '../protocol/agent-rpc.js';
import { PROTOCOL_VERSION } from '../protocol/agent-wire.js';
import {
  GetTokenInformation,
  OpenProcessToken,
  QueryPerformanceFrequency,
  RtlGetVersion,
  wineGetVersion,
} from './information-native.js';
import { CloseHandle, GetCurrentProcess, GetCurrentProcessId, ProcessIdToSessionId } from './native/common-native.js';
import { RTL_OSVERSIONINFOW } from './native/layouts.js';

const TOKEN_QUERY = 8;
const TokenElevation = 20;

/** Ticks of the performance counter per second. */
export function qpcFrequency(): bigint {
  const frequency = new BigInt64Array(1);
  QueryPerformanceFrequency(frequency);
  return frequency[0] ?? 0n;
}

export function sessionId(): number {
  const session = new Uint32Array(1);
  ProcessIdToSessionId(GetCurrentProcessId(), session);
  return session[0] ?? 0;
}

/** Where plain names of this session live. Session 0 has no directory of its own. */
export function sessionDirectory(): string {
  const session = sessionId();
  return session === 0 ? '\\BaseNamedObjects' : `\\Sessions\\${session}\\BaseNamedObjects`;
}

function isElevated(): boolean {
  const token = new BigInt64Array(1);
  if (OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, token) === 0) {
    return false;
  }
  const handle = token[0] ?? 0n;
  const elevation = new Uint32Array(1);
  const known = GetTokenInformation(handle, TokenElevation, elevation, 4, new Uint32Array(1));
  CloseHandle(handle);
  return known !== 0 && elevation[0] !== 0;
}

function windowsVersion(): string {
  const information = Buffer.alloc(RTL_OSVERSIONINFOW.size);
  information.writeUInt32LE(RTL_OSVERSIONINFOW.size, 0);
  RtlGetVersion(information);
  const { dwMajorVersion, dwMinorVersion, dwBuildNumber } = RTL_OSVERSIONINFOW;
  return [dwMajorVersion, dwMinorVersion, dwBuildNumber].map((at) => information.readUInt32LE(at)).join('.');
}

export function agentInformation(privileges: PrivilegeState[]): RequestResult<'agent/info'> {
  const wineVersion = wineGetVersion?.();
  return {
    protocolVersion: PROTOCOL_VERSION,
    processId: GetCurrentProcessId(),
    sessionId: sessionId(),
    nodeVersion: process.version,
    windowsVersion: windowsVersion(),
    ...(wineVersion === undefined ? {} : { wineVersion }),
    processorCount: cpus().length,
    qpcFrequency: qpcFrequency(),
    elevated: isElevated(),
    privileges,
    computerName: hostname(),
  };
}
