/** A Windows call that failed, with its code in words. */
import type { AgentErrorData } from '../../protocol/agent-rpc.js';
import { describeNtstatus, describeWin32Error } from '../../machine/status.js';

export class NativeError extends Error {
  constructor(
    message: string,
    readonly data: AgentErrorData,
  ) {
    super(message);
    this.name = 'NativeError';
  }
}

/** about: what the call was made on, such as an object path. */
export function ntstatusError(call: string, status: number, about?: string): NativeError {
  const where = about === undefined ? '' : ` of ${about}`;
  return new NativeError(`${call}${where} failed: ${describeNtstatus(status)}`, {
    call,
    code: status >>> 0,
    space: 'ntstatus',
  });
}

export function win32Error(call: string, code: number, about?: string): NativeError {
  const where = about === undefined ? '' : ` of ${about}`;
  return new NativeError(`${call}${where} failed: ${describeWin32Error(code)}`, {
    call,
    code: code >>> 0,
    space: 'win32',
  });
}

/** A failure that no Windows call reported. */
export function plainError(message: string, call = ''): NativeError {
  return new NativeError(message, { call, code: 0, space: 'none' });
}
