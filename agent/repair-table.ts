/**
 * What the debug thread has put into other processes, in memory that the guard shares (debug-guard.ts): INT3s with the bytes under them,
 * and what is held. It is written before the thing is done and cleared after it is undone: whatever there is when the agent dies is in it.
 */
import { randomBytes } from 'node:crypto';
import { GetLastError } from './native/common-native.js';
import { viewMemory, type Handle } from './native/memory.js';
import { win32Error } from './native/native-error.js';
import { CreateFileMappingW, FILE_MAP_READ_AND_WRITE, MapViewOfFile, PAGE_READWRITE } from './trace-native.js';

/** kind, flags, 2 free bytes, process id, value. */
const ROW_BYTES = 16;
const FLAGS = 1;
const PROCESS = 4;
const VALUE = 8;
/** More than that is not guarded. The last one is not a row: it tells whether an event is being taken. */
const ROWS = 16_384;
const TAKING_AT = (ROWS - 1) * ROW_BYTES + FLAGS;

export const RowKind = { Free: 0, Process: 1, LaunchedProcess: 2, Thread: 3, Int3: 4 } as const;
export type RowKind = (typeof RowKind)[keyof typeof RowKind];
/** Of a process: by NtSuspendProcess; of a thread: by SuspendThread. */
export const HELD = 1;
/** Of a thread: the trap flag is ours. */
export const STEPPING = 2;

export interface RepairRow {
  readonly kind: RowKind;
  /** Of an INT3: the byte under it. Else HELD and STEPPING. */
  readonly flags: number;
  readonly process: number;
  /** Address of an INT3, id of a thread. */
  readonly value: bigint;
}

export class RepairTable {
  readonly #bytes: Buffer;
  readonly #free: number[] = [];
  #end = 0;

  constructor(readonly section: Handle) {
    const address = MapViewOfFile(section, FILE_MAP_READ_AND_WRITE, 0, 0, ROWS * ROW_BYTES);
    if (address === null) {
      throw win32Error('MapViewOfFile', GetLastError());
    }
    this.#bytes = viewMemory(address, ROWS * ROW_BYTES);
  }

  /** @returns a section for one table */
  static makeSection(): Handle {
    const name = `Local\\EventscopeRepair-${randomBytes(12).toString('hex')}`;
    const section = CreateFileMappingW(-1, null, PAGE_READWRITE, 0, ROWS * ROW_BYTES, name);
    if (section === 0) {
      throw win32Error('CreateFileMappingW', GetLastError());
    }
    return section;
  }

  /** @returns the row's number; undefined when the table is full */
  add({ kind, flags, process, value }: RepairRow): number | undefined {
    const row = this.#free.pop() ?? (this.#end < ROWS - 1 ? this.#end++ : undefined);
    if (row === undefined) {
      return undefined;
    }
    const at = row * ROW_BYTES;
    this.#bytes.writeUInt8(flags, at + FLAGS);
    this.#bytes.writeUInt32LE(process, at + PROCESS);
    this.#bytes.writeBigUInt64LE(value, at + VALUE);
    // Last: now it counts.
    this.#bytes.writeUInt8(kind, at);
    return row;
  }

  /** Whether an event may have been taken whose thread still shows that it stands behind an INT3. */
  get taking(): boolean {
    return this.#bytes.readUInt8(TAKING_AT) !== 0;
  }
  set taking(taking: boolean) {
    this.#bytes.writeUInt8(taking ? 1 : 0, TAKING_AT);
  }

  setFlags(row: number | undefined, flags: number): void {
    if (row !== undefined) {
      this.#bytes.writeUInt8(flags, row * ROW_BYTES + FLAGS);
    }
  }

  remove(row: number | undefined): void {
    if (row !== undefined && this.#bytes.readUInt8(row * ROW_BYTES) !== RowKind.Free) {
      this.#bytes.writeUInt8(RowKind.Free, row * ROW_BYTES);
      this.#free.push(row);
    }
  }

  /** Everything of a process that has ended or was left. */
  removeProcess(process: number): void {
    for (let row = 0; row < this.#end; row++) {
      if (this.#bytes.readUInt32LE(row * ROW_BYTES + PROCESS) === process) {
        this.remove(row);
      }
    }
  }

  rows(): RepairRow[] {
    const rows: RepairRow[] = [];
    for (let at = 0; at < this.#bytes.length; at += ROW_BYTES) {
      const kind = this.#bytes.readUInt8(at) as RowKind;
      if (kind !== RowKind.Free) {
        rows.push({
          kind,
          flags: this.#bytes.readUInt8(at + FLAGS),
          process: this.#bytes.readUInt32LE(at + PROCESS),
          value: this.#bytes.readBigUInt64LE(at + VALUE),
        });
      }
    }
    return rows;
  }
}
