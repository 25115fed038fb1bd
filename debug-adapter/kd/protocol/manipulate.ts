/** STATE_MANIPULATE (type 2): a header of 56 bytes, 40 of them the request's own fields, then data. Requests and replies have one form. */
export enum Api {
  ReadVirtualMemory = 0x3130,
  WriteVirtualMemory = 0x3131,
  GetContext = 0x3132,
  SetContext = 0x3133,
  WriteBreakPoint = 0x3134,
  RestoreBreakPoint = 0x3135,
  Continue = 0x3136,
  ReadControlSpace = 0x3137,
  WriteControlSpace = 0x3138,
  ReadIoSpace = 0x3139,
  WriteIoSpace = 0x313a,
  Reboot = 0x313b,
  Continue2 = 0x313c,
  ReadPhysicalMemory = 0x313d,
  WritePhysicalMemory = 0x313e,
  QuerySpecialCalls = 0x313f,
  SetSpecialCall = 0x3140,
  ClearSpecialCalls = 0x3141,
  SetInternalBreakPoint = 0x3142,
  GetInternalBreakPoint = 0x3143,
  ReadIoSpaceExtended = 0x3144,
  WriteIoSpaceExtended = 0x3145,
  GetVersion = 0x3146,
  WriteBreakPointEx = 0x3147,
  RestoreBreakPointEx = 0x3148,
  CauseBugCheck = 0x3149,
  SwitchProcessor = 0x3150,
  PageIn = 0x3151,
  ReadMsr = 0x3152,
  WriteMsr = 0x3153,
  SearchMemory = 0x3156,
  GetBusData = 0x3157,
  SetBusData = 0x3158,
  CheckLowMemory = 0x3159,
  ClearAllInternalBreakpoints = 0x315a,
  FillMemory = 0x315b,
  QueryMemory = 0x315c,
  SwitchPartition = 0x315d,
  WriteCustomBreakpoint = 0x315e,
  GetContextEx = 0x315f,
  SetContextEx = 0x3160,
}

export const MANIPULATE_BYTES = 56;
const FIELDS_AT = 16;

export interface Manipulate {
  /** Undefined for a number that is none of ours. */
  readonly api: Api | undefined;
  readonly apiNumber: number;
  readonly processorLevel: number;
  readonly processor: number;
  /** NTSTATUS; meaningless in a request. */
  readonly status: number;
  /** The whole header: offsets are those of the protocol's tables, from its first byte. */
  readonly header: DataView;
  readonly data: Uint8Array;
}

const APIS: ReadonlyMap<number, Api> = new Map(
  Object.values(Api)
    .filter((api) => typeof api !== 'string')
    .map((api) => [api, api]),
);

/** Undefined when the payload is too short to be one. */
export function decodeManipulate(payload: Uint8Array): Manipulate | undefined {
  if (payload.length < MANIPULATE_BYTES) return undefined;
  const header = new DataView(payload.buffer, payload.byteOffset, MANIPULATE_BYTES);
  return {
    api: APIS.get(header.getUint32(0, true)),
    apiNumber: header.getUint32(0, true),
    processorLevel: header.getUint16(4, true),
    processor: header.getUint16(6, true),
    status: header.getUint32(8, true),
    header,
    data: payload.subarray(MANIPULATE_BYTES),
  };
}

export const apiName = (api: Api): string => Api[api];

/** One of the request's own fields: offset from the first byte of the header, and width in bytes. */
export interface Field {
  readonly at: number;
  readonly width: 2 | 4 | 8;
  readonly value: number | bigint;
  /** The reply carries it unchanged: a reply with another value answers another request. */
  readonly echoed?: boolean;
}

export function encodeManipulate(api: Api, processor: number, fields: readonly Field[], data?: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(MANIPULATE_BYTES + (data?.length ?? 0));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, api, true);
  view.setUint16(6, processor, true);
  for (const { at, width, value } of fields) {
    if (at < FIELDS_AT || at + width > MANIPULATE_BYTES) throw new RangeError(`No field of a request is at ${at}`);
    if (width === 8) view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true);
    else if (width === 4) view.setUint32(at, Number(value), true);
    else view.setUint16(at, Number(value), true);
  }
  if (data !== undefined) bytes.set(data, MANIPULATE_BYTES);
  return bytes;
}

/** Whether a reply has the fields that its request said come back unchanged. */
export const echoes = (reply: Manipulate, fields: readonly Field[]): boolean =>
  fields.every(
    ({ at, width, value, echoed }) =>
      echoed !== true ||
      (width === 8
        ? reply.header.getBigUint64(at, true) === BigInt.asUintN(64, BigInt(value))
        : reply.header.getUint32(at, true) === Number(value)),
  );
