/**
 * One debugged process: its memory as the program left it (bytes under our breakpoints are the original ones), its threads and its
 * modules. Runs on the debug thread.
 */
import {
  CONTEXT,
  CONTEXT_ALL,
  CONTEXT_BYTES,
  CONTEXT_CONTROL,
  CONTEXT_INTEGER,
  X64Context,
} from '../machine/x64-context.js';
import { windowsBaseName } from '../machine/command-line.js';
import type { DebugModule } from '../protocol/agent-debug.js';
import {
  FlushInstructionCache,
  GetFinalPathNameByHandleW,
  GetThreadContext,
  K32GetModuleFileNameExW,
  NtResumeProcess,
  NtSuspendProcess,
  ReadProcessMemory,
  ResumeThread,
  SetThreadContext,
  SuspendThread,
  WriteProcessMemory,
} from './debug-native.js';
import { GetLastError } from './native/common-native.js';
import { NativeMemory, type Handle } from './native/memory.js';
import { win32Error } from './native/native-error.js';
import { HELD, RowKind, STEPPING, type RepairTable } from './repair-table.js';

/** What running code changes, without its vectors. */
export const CODE_CONTEXT = CONTEXT_CONTROL | CONTEXT_INTEGER;
const PAGE_BYTES = 4_096;
const INT3 = 0xcc;
const MAX_PATH_UNITS = 1_024;
const SUSPEND_FAILED = 0xffff_ffff;

const transferred = new BigUint64Array(1);
const context = new NativeMemory(CONTEXT_BYTES);
const int3 = Uint8Array.of(INT3);

export class DebuggedThread {
  name: string | undefined;
  /** Its next meeting with the breakpoint at this address was told already. */
  passOnce: bigint | undefined;
  /** When it goes on from there it goes to a recorder instead. */
  redirect: { readonly from: bigint; readonly to: bigint } | undefined;
  /** A single step of ours was given up; its event may still come. */
  expectsTrap = false;
  /** Whether we hold it by SuspendThread, apart from what holds its process. */
  held = false;
  #stepping = false;
  readonly #row: number | undefined;

  constructor(
    readonly id: number,
    readonly process: DebuggedProcess,
    readonly threadId: number,
    readonly handle: Handle,
    readonly startAddress: bigint,
  ) {
    const row = { kind: RowKind.Thread, flags: 0, process: process.processId, value: BigInt(threadId) };
    this.#row = process.table.add(row);
  }

  /** @param flags CONTEXT_* @throws NativeError when it has ended */
  readContext(flags: number = CONTEXT_ALL): X64Context {
    context.bytes.writeUInt32LE(flags, CONTEXT.ContextFlags);
    if (GetThreadContext(this.handle, context.address) === 0) {
      throw win32Error('GetThreadContext', GetLastError(), `thread ${this.threadId}`);
    }
    return new X64Context(Uint8Array.from(context.bytes));
  }

  writeContext(registers: X64Context, flags: number): void {
    context.bytes.set(registers.bytes);
    context.bytes.writeUInt32LE(flags, CONTEXT.ContextFlags);
    if (SetThreadContext(this.handle, context.address) === 0) {
      throw win32Error('SetThreadContext', GetLastError(), `thread ${this.threadId}`);
    }
    this.process.table.taking = false;
  }

  /** Noted first: to resume one that is not held does nothing, one that is held unnoted would be so for ever. */
  hold(): void {
    if (this.held) {
      return;
    }
    this.held = true;
    this.#note();
    if (SuspendThread(this.handle) === SUSPEND_FAILED) {
      this.held = false;
      this.#note();
    }
  }

  release(): void {
    if (this.held) {
      ResumeThread(this.handle);
      this.held = false;
      this.#note();
    }
  }

  /** Whether the trap flag of its registers is ours. */
  set stepping(stepping: boolean) {
    this.#stepping = stepping;
    this.#note();
  }

  #note(): void {
    this.process.table.setFlags(this.#row, (this.held ? HELD : 0) | (this.#stepping ? STEPPING : 0));
  }

  /** It has ended. */
  forget(): void {
    this.process.table.remove(this.#row);
  }
}

/** One INT3 of ours in a process. */
interface Patch {
  readonly row: number | undefined;
  original: number;
  /** Out for a moment, while one thread runs the instruction under it. */
  lifted: boolean;
}

export class DebuggedProcess {
  readonly threads = new Map<number, DebuggedThread>();
  readonly modules = new Map<bigint, DebugModule>();
  /** Launched by us, and its loader has not met its breakpoint yet. */
  awaitsEntry = false;
  /** Held by NtSuspendProcess. */
  frozen = false;
  readonly #row: number | undefined;
  readonly #patches = new Map<bigint, Patch>();
  /** Where our INT3s were: a thread may have met one whose event comes only now. */
  readonly #formerPatches = new Set<bigint>();

  constructor(
    readonly space: number,
    readonly processId: number,
    readonly handle: Handle,
    public name: string,
    readonly table: RepairTable,
    /** Ends with the agent. */
    readonly launched: boolean,
  ) {
    const kind = launched ? RowKind.LaunchedProcess : RowKind.Process;
    this.#row = table.add({ kind, flags: 0, process: processId, value: 0n });
  }

  // ---- memory

  /** The readable beginning of a range as the program sees it; undefined when its first byte is unreadable. */
  read(address: bigint, length: number): Uint8Array | undefined {
    const data = this.readRaw(address, length);
    if (data !== undefined) {
      this.#mask(address, data);
    }
    return data;
  }

  readRaw(address: bigint, length: number): Uint8Array | undefined {
    const data = new Uint8Array(length);
    if (length === 0 || this.#readInto(address, data) === length) {
      return data;
    }
    // Page by page up to the first that cannot be read.
    let done = 0;
    while (done < length) {
      const toPageEnd = PAGE_BYTES - Number((address + BigInt(done)) & BigInt(PAGE_BYTES - 1));
      const piece = data.subarray(done, Math.min(length, done + toPageEnd));
      if (this.#readInto(address + BigInt(done), piece) !== piece.length) {
        break;
      }
      done += piece.length;
    }
    return done === 0 ? undefined : data.slice(0, done);
  }

  #readInto(address: bigint, data: Uint8Array): number {
    transferred[0] = 0n;
    return ReadProcessMemory(this.handle, address, data, data.length, transferred) === 0 ? 0 : Number(transferred[0]);
  }

  #mask(address: bigint, data: Uint8Array): void {
    for (const [at, patch] of this.#patches) {
      const offset = at - address;
      if (offset >= 0n && offset < BigInt(data.length)) {
        data[Number(offset)] = patch.original;
      }
    }
  }

  /**
   * Writes all, around our INT3s: they stay, and what is written under them is the new original.
   * @returns the first address that was refused, undefined when all was written
   */
  write(address: bigint, data: Uint8Array): bigint | undefined {
    const copy = Uint8Array.from(data);
    for (const [at, patch] of this.#patches) {
      const offset = at - address;
      if (offset >= 0n && offset < BigInt(data.length) && !patch.lifted) {
        copy[Number(offset)] = INT3;
      }
    }
    // All pages or none: what is refused in the middle must not leave a half.
    for (let at = address; at < address + BigInt(data.length); at = (at | BigInt(PAGE_BYTES - 1)) + 1n) {
      if (this.#readInto(at, new Uint8Array(1)) !== 1) {
        return at;
      }
    }
    if (!this.writeRaw(address, copy)) {
      return address;
    }
    for (const [at, patch] of this.#patches) {
      const offset = at - address;
      if (offset >= 0n && offset < BigInt(data.length)) {
        patch.original = data[Number(offset)] ?? patch.original;
        this.table.setFlags(patch.row, patch.original);
      }
    }
    return undefined;
  }

  writeRaw(address: bigint, data: Uint8Array): boolean {
    if (WriteProcessMemory(this.handle, address, data, data.length, transferred) === 0) {
      return false;
    }
    FlushInstructionCache(this.handle, address, data.length);
    return true;
  }

  // ---- INT3s

  isPatched(address: bigint): boolean {
    return this.#patches.has(address);
  }
  wasPatched(address: bigint): boolean {
    return this.#formerPatches.has(address);
  }
  patches(): IterableIterator<readonly [bigint, { readonly original: number }]> {
    return this.#patches.entries();
  }

  /** @returns whether the INT3 is there now */
  patch(address: bigint): boolean {
    if (this.#patches.has(address)) {
      return true;
    }
    const original = this.readRaw(address, 1)?.[0];
    if (original === undefined) {
      return false;
    }
    const row = this.#tableInt3(address, original);
    if (!this.writeRaw(address, int3)) {
      this.table.remove(row);
      return false;
    }
    this.#patches.set(address, { original, lifted: false, row });
    return true;
  }

  #tableInt3(address: bigint, original: number): number | undefined {
    return this.table.add({ kind: RowKind.Int3, flags: original, process: this.processId, value: address });
  }

  /** An INT3 that is there already. */
  adoptPatch(address: bigint, original: number): void {
    this.#patches.set(address, { original, lifted: false, row: undefined });
  }

  unpatch(address: bigint): void {
    const patch = this.#patches.get(address);
    if (patch === undefined) {
      return;
    }
    this.writeRaw(address, Uint8Array.of(patch.original));
    this.table.remove(patch.row);
    this.#patches.delete(address);
    this.#formerPatches.add(address);
    for (const thread of this.threads.values()) {
      if (thread.passOnce === address) {
        thread.passOnce = undefined;
      }
      if (thread.redirect?.from === address) {
        thread.redirect = undefined;
      }
    }
  }

  /** The original byte for a moment, while every other thread is held. */
  lift(address: bigint): void {
    const patch = this.#patches.get(address);
    if (patch !== undefined && !patch.lifted) {
      this.writeRaw(address, Uint8Array.of(patch.original));
      patch.lifted = true;
    }
  }

  lower(address: bigint): void {
    const patch = this.#patches.get(address);
    if (patch?.lifted === true) {
      this.writeRaw(address, int3);
      patch.lifted = false;
    }
  }

  /** The memory is gone, and our INT3s with it. @returns where they were */
  forgetPatches(from: bigint, to: bigint): bigint[] {
    const gone = [...this.#patches.keys()].filter((address) => address >= from && address < to);
    for (const address of gone) {
      this.table.remove(this.#patches.get(address)?.row);
      this.#patches.delete(address);
    }
    for (const address of this.#formerPatches) {
      if (address >= from && address < to) {
        this.#formerPatches.delete(address);
      }
    }
    return gone;
  }

  // ---- holding

  /** Noted first, like what holds a thread. */
  freeze(): void {
    if (this.frozen) {
      return;
    }
    this.table.setFlags(this.#row, HELD);
    this.frozen = NtSuspendProcess(this.handle) >= 0;
    if (!this.frozen) {
      this.table.setFlags(this.#row, 0);
    }
  }

  thaw(): void {
    if (this.frozen) {
      NtResumeProcess(this.handle);
      this.frozen = false;
      this.table.setFlags(this.#row, 0);
    }
  }

  // ---- modules

  /** What the image at a base says of itself. file: 0, or a handle of its file. */
  addModule(base: bigint, file: Handle): DebugModule {
    const header = this.#imageHeader(base);
    const path = this.#modulePath(base, file);
    const module: DebugModule = {
      space: this.space,
      base,
      size: header?.size ?? PAGE_BYTES,
      name: path === undefined ? `0x${base.toString(16)}` : windowsBaseName(path),
      ...(path === undefined ? {} : { path }),
      ...(header === undefined ? {} : { timeDateStamp: header.timeDateStamp }),
    };
    this.modules.set(base, module);
    return module;
  }

  /** A module whose name was not known when it was mapped, now that the loader knows it. */
  moduleAt(address: bigint): DebugModule | undefined {
    for (const module of this.modules.values()) {
      if (address >= module.base && address < module.base + BigInt(module.size)) {
        return module;
      }
    }
    return undefined;
  }

  #imageHeader(base: bigint): { readonly size: number; readonly timeDateStamp: number } | undefined {
    const page = this.readRaw(base, PAGE_BYTES);
    if (page === undefined || page.length < PAGE_BYTES) {
      return undefined;
    }
    const view = new DataView(page.buffer);
    const at = view.getUint32(0x3c, true);
    if (at > PAGE_BYTES - 0x60) {
      return undefined;
    }
    return { size: view.getUint32(at + 0x50, true), timeDateStamp: view.getUint32(at + 8, true) };
  }

  #modulePath(base: bigint, file: Handle): string | undefined {
    const name = Buffer.alloc(MAX_PATH_UNITS * 2);
    if (BigInt(file) !== 0n && BigInt(file) !== -1n) {
      const units = GetFinalPathNameByHandleW(file, name, MAX_PATH_UNITS, 0);
      if (units > 0 && units < MAX_PATH_UNITS) {
        return withoutPrefix(name.toString('utf16le', 0, units * 2));
      }
    }
    const units = K32GetModuleFileNameExW(this.handle, base, name, MAX_PATH_UNITS);
    return units === 0 ? undefined : withoutPrefix(name.toString('utf16le', 0, units * 2));
  }
}

/** \\?\C:\x and \??\C:\x are C:\x. */
const withoutPrefix = (path: string): string => path.replace(/^\\[\\?]\?\\/, '');
