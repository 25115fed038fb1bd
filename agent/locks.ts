/** The locks that this agent holds, by role and subject. */
import { mkdir, rm } from 'node:fs/promises';
import type { RequestParams, RequestResult } from '../protocol/agent-rpc.js';
import { joinWindowsPath, toFileName } from '../machine/command-line.js';
import type { CallPool } from './call-pool.js';
import { CloseHandle } from './native/common-native.js';
import type { Handle } from './native/memory.js';
import { plainError } from './native/native-error.js';

const LOCK_FOLDER = 'C:\\eventscope\\locks';
const LOCK_TIMEOUT_MS = 5_000;
const MAX_FILE_NAME = 200;

export class Locks {
  readonly #held = new Map<string, Handle>();

  constructor(readonly calls: CallPool) {}

  async acquire(params: RequestParams<'lock/acquire'>, signal: AbortSignal): Promise<RequestResult<'lock/acquire'>> {
    const path = lockPath(params.role, params.subject);
    if (this.#held.has(path)) {
      return { acquired: true };
    }
    await mkdir(LOCK_FOLDER, { recursive: true });
    const { holder } = params;
    const answer = await this.calls.run('lock/open', { path, holder }, { signal, timeoutMs: LOCK_TIMEOUT_MS });
    if (!answer.acquired) {
      return { acquired: false, holder: answer.holder };
    }
    this.#held.set(path, answer.handle);
    return { acquired: true };
  }

  /** Who holds a lock, this agent or another; undefined: nobody. */
  async query({ role, subject }: RequestParams<'lock/query'>, signal: AbortSignal): Promise<string | undefined> {
    const path = lockPath(role, subject);
    if (this.#held.has(path)) {
      return 'this agent';
    }
    const answer = await this.calls.run('lock/read', { path }, { signal, timeoutMs: LOCK_TIMEOUT_MS });
    return answer.holder;
  }

  async release(params: RequestParams<'lock/release'>): Promise<void> {
    const path = lockPath(params.role, params.subject);
    const handle = this.#held.get(path);
    if (handle === undefined) {
      return;
    }
    this.#held.delete(path);
    CloseHandle(handle);
    // Whoever took the lock in the meantime does not share it for deletion, so that this fails then.
    await rm(path, { force: true }).catch(() => {});
  }
}

/** Windows compares file names without case, and so do we. */
function lockPath(role: string, subject: string): string {
  const name = toFileName(`${role}-${subject.toLowerCase()}.lock`);
  if (name.length > MAX_FILE_NAME) {
    throw plainError(`The subject of a lock is too long: ${subject.slice(0, 60)}...`);
  }
  return joinWindowsPath(LOCK_FOLDER, name);
}
