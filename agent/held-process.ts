/**
 * Holds a process that was started a moment ago at its first own instruction, while its loader does its work: there the imports of
 * all that it was linked with are bound, and nothing of the program has run. The thread that comes there turns in a loop of one
 * instruction until it is released. For a process of which no debugger is wanted.
 */
import { PeImage } from '../machine/pe/pe-image.js';
import { NtResumeProcess, NtSuspendProcess } from './debug-native.js';
import { ForeignMemory } from './foreign-memory.js';
import { CloseHandle, GetLastError, OpenProcess } from './native/common-native.js';
import type { Handle } from './native/memory.js';
import { ntstatusError, plainError, win32Error } from './native/native-error.js';
import { NtQueryInformationProcess } from './tracepoints-native.js';

/** Suspend, query, memory. */
const PROCESS_ACCESS = 0x800 | 0x400 | 0x20 | 0x10 | 0x8;
const ProcessBasicInformation = 0;
const PEB_IMAGE_BASE = 0x10n;
/** jmp to itself: the thread is at this address, or has not come there yet, whenever one looks. */
const TURN = Uint8Array.of(0xeb, 0xfe);

export class HeldProcess {
  readonly #memory: ForeignMemory;
  readonly #entry: bigint;
  readonly #original: Uint8Array;

  private constructor(memory: ForeignMemory, entry: bigint, original: Uint8Array) {
    this.#memory = memory;
    this.#entry = entry;
    this.#original = original;
  }

  /** To be called right after the process was made: its loader takes far longer than this does. */
  static async hold(processId: number): Promise<HeldProcess> {
    const process = OpenProcess(PROCESS_ACCESS, 0, processId);
    if (process === 0) throw win32Error('OpenProcess', GetLastError(), `process ${processId}`);
    NtSuspendProcess(process);
    try {
      const memory = new ForeignMemory(process);
      const base = imageBase(memory);
      const image = await PeImage.open(memory.image(base), 'memory');
      const entry = base + BigInt(image.headers.entryPoint);
      const original = memory.read(entry, TURN.length);
      if (original === undefined) throw plainError('The entry point of the process cannot be read');
      memory.overwrite(entry, TURN);
      return new HeldProcess(memory, entry, original);
    } catch (error) {
      CloseHandle(process);
      throw error;
    } finally {
      NtResumeProcess(process);
    }
  }

  /** Once. The process goes on. */
  release(): void {
    try {
      this.#memory.overwrite(this.#entry, this.#original);
    } finally {
      CloseHandle(this.#memory.process);
    }
  }
}

function imageBase(memory: ForeignMemory): bigint {
  const peb = pebOf(memory.process);
  const base = memory.read(peb + PEB_IMAGE_BASE, 8)?.readBigUInt64LE() ?? 0n;
  if (base === 0n) throw plainError('The process has no image yet');
  return base;
}

function pebOf(process: Handle): bigint {
  const information = new BigUint64Array(6);
  const status = NtQueryInformationProcess(process, ProcessBasicInformation, information, information.byteLength, null);
  if (status < 0) throw ntstatusError('NtQueryInformationProcess', status >>> 0);
  return information[1] ?? 0n;
}
