/**
 * NT's types as a person wants to see them: a registry by type name (without `struct` and underscores). Layouts come from the module's
 * own PDB, so the rows hold for every version of Windows and of the headers.
 */
import {
  describeEvent,
  describeHeader,
  describeMutant,
  describeSemaphore,
  describeTimer,
} from './dispatcher-objects.js';
import { describeList, walkList } from './list-entry.js';
import {
  describeIoctl,
  IRP_MJ_DEVICE_CONTROL,
  IRP_MJ_INTERNAL_DEVICE_CONTROL,
  largeIntegerMeaning,
} from './numbers.js';
import { majorFunctionName, namedStatus } from './numbers.js';
import type { RecordReader } from './record-reader.js';
import { pointerTo } from './types.js';
import { addressOf, hexAddress, UnreadableError, valueOfInteger, type Access, type Value } from './value.js';

export interface NamedValue {
  readonly name: string;
  readonly value: Value;
  /** Made up by us: not a member that C knows. */
  readonly isVirtual?: boolean;
}

export interface KnownTypeContext extends Access {
  /** `module!Function+0x10`, or undefined. */
  symbolize(address: bigint): Promise<string | undefined>;
}

export interface KnownType {
  /** One line. @throws UnreadableError */
  describe(record: RecordReader, context: KnownTypeContext): Promise<string>;
  /** A dispatcher object: shown among those in sight. */
  readonly isDispatcherObject?: boolean;
  /** Rows shown before the members. */
  rows?(record: RecordReader): Promise<readonly NamedValue[]>;
}

const MAX_STRING_BYTES = 1_024;
const MAX_LIST_ENTRIES = 1_000;

const KNOWN = new Map<string, KnownType>();
function known(names: string, type: KnownType): void {
  for (const name of names.split(' ')) KNOWN.set(name, type);
}

/** @param name as plainTypeName gives it */
export function knownType(name: string): KnownType | undefined {
  return KNOWN.get(name);
}

known('KEVENT', { describe: describeEvent, isDispatcherObject: true });
known('KSEMAPHORE', { describe: describeSemaphore, isDispatcherObject: true });
known('KMUTANT KMUTEX', { describe: describeMutant, isDispatcherObject: true });
known('KTIMER', { describe: describeTimer, isDispatcherObject: true });
known('DISPATCHER_HEADER', { describe: describeHeader });

known('UNICODE_STRING', { describe: (record) => countedString(record, 2) });
known('ANSI_STRING STRING OEM_STRING UTF8_STRING', { describe: (record) => countedString(record, 1) });

known('LARGE_INTEGER ULARGE_INTEGER', {
  async describe(record) {
    const value = await record.integer('QuadPart');
    const meaning = largeIntegerMeaning(value);
    return meaning === undefined ? String(value) : `${value} (${meaning})`;
  },
});

known('LIST_ENTRY', {
  async describe(record) {
    const head = addressOf(record.value);
    return head === undefined ? '{...}' : describeList(await walkList(record.access, head, MAX_LIST_ENTRIES));
  },
  async rows(record) {
    const head = addressOf(record.value);
    if (head === undefined) return [];
    const { entries } = await walkList(record.access, head, MAX_LIST_ENTRIES);
    const type = pointerTo(record.value.type);
    return entries.map((entry, index) => ({
      name: `[${index}]`,
      value: valueOfInteger(type, entry),
      isVirtual: true,
    }));
  },
});

known('GUID CLSID IID', {
  async describe(record) {
    const data = await record.bytes();
    const hex = (from: number, to: number, reversed: boolean): string => {
      const part = [...data.subarray(from, to)];
      if (reversed) part.reverse();
      return part.map((byte) => byte.toString(16).padStart(2, '0')).join('');
    };
    return `{${hex(0, 4, true)}-${hex(4, 6, true)}-${hex(6, 8, true)}-${hex(8, 10, false)}-${hex(10, 16, false)}}`;
  },
});

known('IO_STATUS_BLOCK', {
  async describe(record) {
    return `${namedStatus(await record.number('Status'))}, ${await record.integer('Information')} bytes`;
  },
});

known('OBJECT_ATTRIBUTES', {
  async describe(record) {
    const name = await record.follow('ObjectName');
    const root = await record.integer('RootDirectory');
    const text = name === undefined ? 'unnamed' : await countedString(name, 2);
    return root === 0n ? text : `${text} under handle ${hexAddress(root)}`;
  },
});

known('CLIENT_ID', {
  async describe(record) {
    return `process ${await record.integer('UniqueProcess')}, thread ${await record.integer('UniqueThread')}`;
  },
});

known('KDPC', {
  async describe(record, context) {
    const routine = await record.integer('DeferredRoutine');
    if (routine === 0n) return 'not initialized';
    const name = (await context.symbolize(routine)) ?? hexAddress(routine);
    const context_ = await record.integer('DeferredContext');
    return `${name}, context ${hexAddress(context_)}`;
  },
});

known('IO_STACK_LOCATION', { describe: describeStackLocation });

known('IRP', {
  async describe(record) {
    const status = namedStatus(await record.number('IoStatus.Status'));
    const location = await record.follow('Tail.Overlay.CurrentStackLocation');
    try {
      return location === undefined ? status : `${await describeStackLocation(location)}, ${status}`;
    } catch (error) {
      // A request that is completed already has no stack location any more.
      if (!(error instanceof UnreadableError)) throw error;
      return status;
    }
  },
});

known('FAST_MUTEX', {
  async describe(record) {
    const count = BigInt.asIntN(32, await record.integer('Count'));
    const owner = await record.integer('Owner');
    if (count > 0n) return 'free';
    return owner === 0n ? 'owned' : `owned by thread ${hexAddress(owner)}`;
  },
});

async function describeStackLocation(record: RecordReader): Promise<string> {
  const major = await record.number('MajorFunction');
  const name = majorFunctionName(major);
  if (major !== IRP_MJ_DEVICE_CONTROL && major !== IRP_MJ_INTERNAL_DEVICE_CONTROL) return name;
  return `${name} ${describeIoctl(await record.number('Parameters.DeviceIoControl.IoControlCode'))}`;
}

/** UNICODE_STRING and its like: Length in bytes, and a buffer that needs no terminator. */
async function countedString(record: RecordReader, unit: 1 | 2): Promise<string> {
  const length = await record.number('Length');
  const maximum = await record.number('MaximumLength');
  const buffer = await record.integer('Buffer');
  if (buffer === 0n) return length === 0 ? '""' : `no buffer, but ${length} bytes long`;
  if (length > maximum) return `damaged: ${length} bytes long in a buffer of ${maximum}`;
  const data = await record.access.memory.read(buffer, Math.min(length, MAX_STRING_BYTES));
  if (data.length < Math.min(length, MAX_STRING_BYTES)) throw new UnreadableError('its buffer is not readable');
  return quotedText(decodeText(data, unit), length > MAX_STRING_BYTES);
}

export function decodeText(data: Uint8Array, unit: 1 | 2): string {
  return Buffer.from(data.buffer, data.byteOffset, data.length - (data.length % unit)).toString(
    unit === 2 ? 'utf16le' : 'utf8',
  );
}

/** In quotes, with control characters as C writes them. */
export function quotedText(text: string, isCut: boolean): string {
  const escaped = text.replaceAll(/[\\"\u0000-\u001f\u007f]/g, (character) => {
    const short = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\0': '\\0', '"': '\\"', '\\': '\\\\' }[character];
    return short ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
  return `"${escaped}${isCut ? '…' : ''}"`;
}
