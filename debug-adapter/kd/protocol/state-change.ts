/** STATE_CHANGE64 (type 7) of x64: the target stopped. 240 bytes, then what belongs to the kind of stop. */
const FIXED_BYTES = 240;
const EXCEPTION_STATE = 0x3030;
const LOAD_SYMBOLS_STATE = 0x3031;
const COMMAND_STRING_STATE = 0x3032;
const ALTERNATE_SOURCE = 0x00010000;
const MAX_PARAMETERS = 15;

export const STATUS_BREAKPOINT = 0x80000003;
export const STATUS_SINGLE_STEP = 0x80000004;
/** The report of a processor that SwitchProcessor has chosen. */
export const STATUS_WAKE_SYSTEM_DEBUGGER = 0x80000007;
export const STATUS_ASSERTION_FAILURE = 0xc0000420;

/** What comes free with every stop. */
export interface ControlReport {
  readonly dr6: bigint;
  readonly dr7: bigint;
  readonly eflags: number;
  /** At the program counter; breakpoints of the target's table are taken out, ours are not. At most 16. */
  readonly instructionBytes: Uint8Array;
  readonly segCs: number;
}

interface StateChangeBase {
  readonly processor: number;
  readonly processorCount: number;
  /** KTHREAD. */
  readonly thread: bigint;
  readonly programCounter: bigint;
  readonly report: ControlReport;
}

export type StateChange = StateChangeBase &
  (
    | {
        readonly kind: 'exception';
        readonly code: number;
        readonly flags: number;
        readonly address: bigint;
        readonly parameters: readonly bigint[];
        readonly firstChance: boolean;
      }
    | {
        readonly kind: 'loadSymbols';
        /** As the target says it: ANSI, an ARC path for boot images. Empty when it names none. */
        readonly path: string;
        readonly base: bigint;
        readonly processId: bigint;
        readonly checkSum: number;
        readonly sizeOfImage: number;
        readonly unload: boolean;
      }
    | { readonly kind: 'commandString'; readonly name: string; readonly command: string }
    | { readonly kind: 'unknown'; readonly state: number }
  );

/** Up to the first NUL. */
function ansi(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('latin1');
}

function readReport(view: DataView, payload: Uint8Array): ControlReport {
  const count = Math.min(16, view.getUint16(212, true));
  return {
    dr6: view.getBigUint64(192, true),
    dr7: view.getBigUint64(200, true),
    eflags: view.getUint32(208, true),
    instructionBytes: payload.slice(216, 216 + count),
    segCs: view.getUint16(232, true),
  };
}

/** Undefined when the payload is too short to be one. */
export function decodeStateChange(payload: Uint8Array): StateChange | undefined {
  if (payload.length < FIXED_BYTES) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const state = (view.getUint32(0, true) & ~ALTERNATE_SOURCE) >>> 0;
  const base: StateChangeBase = {
    processor: view.getUint16(6, true),
    processorCount: view.getUint32(8, true),
    thread: view.getBigUint64(16, true),
    programCounter: view.getBigUint64(24, true),
    report: readReport(view, payload),
  };
  const extra = payload.subarray(FIXED_BYTES);
  if (state === EXCEPTION_STATE) {
    const count = Math.min(MAX_PARAMETERS, view.getUint32(56, true));
    return {
      ...base,
      kind: 'exception',
      code: view.getUint32(32, true),
      flags: view.getUint32(36, true),
      address: view.getBigUint64(48, true),
      parameters: Array.from({ length: count }, (_unused, index) => view.getBigUint64(64 + 8 * index, true)),
      firstChance: view.getUint32(184, true) !== 0,
    };
  }
  if (state === LOAD_SYMBOLS_STATE) {
    return {
      ...base,
      kind: 'loadSymbols',
      path: ansi(extra.subarray(0, view.getUint32(32, true))),
      base: view.getBigUint64(40, true),
      processId: view.getBigUint64(48, true),
      checkSum: view.getUint32(56, true),
      sizeOfImage: view.getUint32(60, true),
      unload: view.getUint8(64) !== 0,
    };
  }
  if (state === COMMAND_STRING_STATE) {
    const name = ansi(extra);
    return {
      ...base,
      kind: 'commandString',
      name,
      command: ansi(extra.subarray(Math.min(extra.length, name.length + 1))),
    };
  }
  return { ...base, kind: 'unknown', state };
}
