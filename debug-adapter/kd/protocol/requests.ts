/** The requests that a debugger makes, and how their replies are read. Data lengths are bytes; statuses are NTSTATUS. */
import { Api, type Field, type Manipulate } from './manipulate.js';
import { type KdVersion, decodeVersion } from './version.js';

export interface KdRequest<Result> {
  readonly api: Api;
  readonly processor: number;
  readonly fields: readonly Field[];
  readonly data?: Uint8Array;
  /** Doing it twice does what doing it once does: it may be sent again when its reply is lost. */
  readonly repeatable: boolean;
  /** It only reads: on a line that damages, it is asked again until two answers agree. */
  readonly reads?: boolean;
  /** How much data the answer may bring: what a slow line takes its time for. */
  readonly answerBytes?: number;
  readonly result: (reply: Manipulate) => Result;
}

export interface Bytes {
  readonly status: number;
  /** What came: possibly less than was asked for. */
  readonly data: Uint8Array;
}

export interface Written {
  readonly status: number;
  readonly count: number;
}

const u32 = (at: number, value: number, echoed = false): Field => ({ at, width: 4, value: value >>> 0, echoed });
const u64 = (at: number, value: bigint, echoed = false): Field => ({ at, width: 8, value, echoed });

const bytesOf =
  (asked: number) =>
  (reply: Manipulate): Bytes => {
    const actual = reply.header.getUint32(28, true);
    return { status: reply.status, data: reply.data.slice(0, Math.min(actual, asked, reply.data.length)) };
  };

const writtenOf = (reply: Manipulate): Written => ({ status: reply.status, count: reply.header.getUint32(28, true) });

const statusOf = (reply: Manipulate): number => reply.status;

const reading = (api: Api, processor: number, at: bigint, count: number): KdRequest<Bytes> => ({
  api,
  processor,
  fields: [u64(16, at, true), u32(24, count)],
  repeatable: true,
  reads: true,
  answerBytes: count,
  result: bytesOf(count),
});

const writing = (api: Api, processor: number, at: bigint, data: Uint8Array): KdRequest<Written> => ({
  api,
  processor,
  fields: [u64(16, at, true), u32(24, data.length)],
  data,
  repeatable: true,
  result: writtenOf,
});

export const readVirtualMemory = (address: bigint, count: number): KdRequest<Bytes> =>
  reading(Api.ReadVirtualMemory, 0, address, count);

export const writeVirtualMemory = (address: bigint, data: Uint8Array): KdRequest<Written> =>
  writing(Api.WriteVirtualMemory, 0, address, data);

export const readPhysicalMemory = (address: bigint, count: number): KdRequest<Bytes> =>
  reading(Api.ReadPhysicalMemory, 0, address, count);

export const writePhysicalMemory = (address: bigint, data: Uint8Array): KdRequest<Written> =>
  writing(Api.WritePhysicalMemory, 0, address, data);

/** Selectors of the control space of x64. */
export enum ControlSpace {
  Kpcr = 0,
  Kprcb = 1,
  SpecialRegisters = 2,
  Thread = 3,
}

export const readControlSpace = (processor: number, selector: ControlSpace, count: number): KdRequest<Bytes> =>
  reading(Api.ReadControlSpace, processor, BigInt(selector), count);

export const writeControlSpace = (processor: number, selector: ControlSpace, data: Uint8Array): KdRequest<Written> =>
  writing(Api.WriteControlSpace, processor, BigInt(selector), data);

/** CONTEXT of x64, 1,232 bytes. */
export const getContext = (processor: number): KdRequest<Bytes> => ({
  api: Api.GetContext,
  processor,
  fields: [],
  repeatable: true,
  reads: true,
  answerBytes: 1232,
  result: (reply) => ({ status: reply.status, data: reply.data.slice() }),
});

/** Wants a getContext of this processor in the same stop before it. */
export const setContext = (processor: number, context: Uint8Array): KdRequest<number> => ({
  api: Api.SetContext,
  processor,
  fields: [u32(16, 0)],
  data: context,
  repeatable: true,
  result: statusOf,
});

const copiedOf = (reply: Manipulate): Bytes => ({
  status: reply.status,
  data: reply.data.slice(0, Math.min(reply.header.getUint32(24, true), reply.data.length)),
});

export const getContextEx = (processor: number, offset: number, count: number): KdRequest<Bytes> => ({
  api: Api.GetContextEx,
  processor,
  fields: [u32(16, offset, true), u32(20, count, true), u32(24, 0)],
  repeatable: true,
  reads: true,
  result: copiedOf,
});

/** A part of a context. The target takes the whole over when offset and count reach `total`; some targets take each part at once. */
export const setContextEx = (
  processor: number,
  offset: number,
  part: Uint8Array,
  total: number,
): KdRequest<number> => ({
  api: Api.SetContextEx,
  processor,
  fields: [u32(16, offset, true), u32(20, part.length, true), u32(24, total)],
  data: part,
  repeatable: true,
  result: statusOf,
});

export interface BreakPointWritten {
  readonly status: number;
  /** 1 to 32. */
  readonly handle: number;
}

/** An entry of the target's own table. */
export const writeBreakPoint = (address: bigint): KdRequest<BreakPointWritten> => ({
  api: Api.WriteBreakPoint,
  processor: 0,
  fields: [u64(16, address, true)],
  repeatable: false,
  result: (reply) => ({ status: reply.status, handle: reply.header.getUint32(24, true) }),
});

export const restoreBreakPoint = (handle: number): KdRequest<number> => ({
  api: Api.RestoreBreakPoint,
  processor: 0,
  fields: [u32(16, handle, true)],
  repeatable: true,
  result: statusOf,
});

/** The state of the debugger's target, and where its kernel's data begins. */
export const getVersion = (): KdRequest<KdVersion> => ({
  api: Api.GetVersion,
  // As WinDbg asks: of no processor in particular.
  processor: 0xffff,
  fields: [],
  repeatable: true,
  reads: true,
  result: (reply) => decodeVersion(reply.header),
});

export interface MsrValue {
  readonly status: number;
  readonly value: bigint;
}

export const readMsr = (processor: number, msr: number): KdRequest<MsrValue> => ({
  api: Api.ReadMsr,
  processor,
  fields: [u32(16, msr, true)],
  repeatable: true,
  reads: true,
  result: (reply) => ({
    status: reply.status,
    value: BigInt(reply.header.getUint32(20, true)) | (BigInt(reply.header.getUint32(24, true)) << 32n),
  }),
});

export const writeMsr = (processor: number, msr: number, value: bigint): KdRequest<number> => ({
  api: Api.WriteMsr,
  processor,
  fields: [u32(16, msr, true), u32(20, Number(value & 0xffffffffn)), u32(24, Number(value >> 32n))],
  repeatable: true,
  result: statusOf,
});

export interface IoValue {
  readonly status: number;
  readonly value: number;
}

/** An I/O port; reading one may change the device. */
export const readIoSpace = (port: number, size: 1 | 2 | 4): KdRequest<IoValue> => ({
  api: Api.ReadIoSpace,
  processor: 0,
  fields: [u64(16, BigInt(port), true), u32(24, size, true)],
  repeatable: false,
  result: (reply) => ({ status: reply.status, value: reply.header.getUint32(28, true) }),
});

export const writeIoSpace = (port: number, size: 1 | 2 | 4, value: number): KdRequest<number> => ({
  api: Api.WriteIoSpace,
  processor: 0,
  fields: [u64(16, BigInt(port), true), u32(24, size, true), u32(28, value)],
  repeatable: false,
  result: statusOf,
});

export interface MemoryFound {
  readonly status: number;
  readonly address: bigint;
}

/** The first place of a pattern; STATUS_NOT_FOUND (0xC0000225) when there is none. Not every target does it. */
export const searchMemory = (address: bigint, length: bigint, pattern: Uint8Array): KdRequest<MemoryFound> => ({
  api: Api.SearchMemory,
  processor: 0,
  fields: [u64(16, address), u64(24, length), u32(32, pattern.length)],
  data: pattern,
  repeatable: true,
  reads: true,
  result: (reply) => ({ status: reply.status, address: reply.header.getBigUint64(16, true) }),
});

/** Not every target does it. */
export const fillMemory = (address: bigint, length: number, pattern: Uint8Array): KdRequest<Written> => ({
  api: Api.FillMemory,
  processor: 0,
  fields: [
    u64(16, address, true),
    u32(24, length),
    { at: 28, width: 2, value: 1 },
    { at: 30, width: 2, value: pattern.length },
  ],
  data: pattern,
  repeatable: true,
  result: (reply) => ({ status: reply.status, count: reply.header.getUint32(24, true) }),
});

export interface MemoryKind {
  readonly status: number;
  readonly space: 'process' | 'session' | 'kernel' | 'unknown';
  readonly readable: boolean;
  readonly writable: boolean;
  readonly executable: boolean;
}

export const queryMemory = (address: bigint): KdRequest<MemoryKind> => ({
  api: Api.QueryMemory,
  processor: 0,
  fields: [u64(16, address, true), u64(24, 0n), u32(32, 0)],
  repeatable: true,
  reads: true,
  result: (reply) => {
    const flags = reply.header.getUint32(36, true);
    return {
      status: reply.status,
      space: (['process', 'session', 'kernel'] as const)[reply.header.getUint32(32, true)] ?? 'unknown',
      readable: (flags & 1) !== 0,
      writable: (flags & 2) !== 0,
      executable: (flags & 4) !== 0,
    };
  },
});

export interface BusLocation {
  readonly bus: number;
  readonly device: number;
  readonly function: number;
}

/** PCI configuration space. */
export const getBusData = (location: BusLocation, offset: number, length: number): KdRequest<Bytes> => ({
  api: Api.GetBusData,
  processor: 0,
  fields: [
    u32(16, 4, true),
    u32(20, location.bus, true),
    u32(24, location.device | (location.function << 5), true),
    u32(28, offset, true),
    u32(32, length),
  ],
  repeatable: true,
  reads: true,
  result: (reply) => ({
    status: reply.status,
    data: reply.data.slice(0, Math.min(length, reply.header.getUint32(32, true))),
  }),
});

export const DBG_CONTINUE = 0x00010002;
export const DBG_EXCEPTION_NOT_HANDLED = 0x80010001;

export interface ContinueOptions {
  readonly status: number;
  /** One instruction of the processor that reported. */
  readonly trace: boolean;
  /** Written into every processor. */
  readonly dr7: bigint;
}

/** Lets the target run: no reply. */
export const continue2 = ({ status, trace, dr7 }: ContinueOptions): KdRequest<void> => ({
  api: Api.Continue2,
  processor: 0,
  fields: [u32(16, status), u32(20, trace ? 1 : 0), u64(24, dr7), u64(32, 1n), u64(40, 0n)],
  repeatable: false,
  result: () => undefined,
});

/** No reply: the chosen processor sends a state change. */
export const switchProcessor = (processor: number): KdRequest<void> => ({
  api: Api.SwitchProcessor,
  processor,
  fields: [],
  repeatable: false,
  result: () => undefined,
});

/** No reply; the target restarts. */
export const reboot = (): KdRequest<void> => ({
  api: Api.Reboot,
  processor: 0,
  fields: [],
  repeatable: false,
  result: () => undefined,
});

/** No reply; the target crashes with MANUALLY_INITIATED_CRASH. */
export const causeBugCheck = (): KdRequest<void> => ({
  api: Api.CauseBugCheck,
  processor: 0,
  fields: [],
  repeatable: false,
  result: () => undefined,
});
