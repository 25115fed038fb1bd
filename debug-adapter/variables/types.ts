/**
 * C types as expressions and displays see them: those of a PDB, and those that a person writes in a cast. Large types are
 * resolved when they are looked into, so that a type graph with cycles costs nothing.
 */

export interface CField {
  /** Empty for an anonymous structure or union, whose members belong to the one around it. */
  readonly name: string;
  readonly type: CType;
  /** Bytes from the structure's begin. */
  readonly offset: number;
  /** Bit field: position in bits from offset, and width. */
  readonly bits?: { readonly position: number; readonly width: number };
  readonly isBase?: boolean;
}

export interface Enumerator {
  readonly name: string;
  readonly value: bigint;
}

export type ScalarKind = 'integer' | 'boolean' | 'character' | 'float';

export interface ScalarType {
  readonly kind: ScalarKind;
  readonly name: string;
  /** Bytes: 1, 2, 4 or 8 (16 for what we show as bytes). */
  readonly size: number;
  readonly signed: boolean;
}
export interface PointerType {
  readonly kind: 'pointer';
  readonly name: string;
  readonly size: number;
  target(): Promise<CType>;
}
export interface ArrayType {
  readonly kind: 'array';
  readonly name: string;
  readonly size: number;
  readonly count: number;
  readonly element: CType;
}
export interface EnumType {
  readonly kind: 'enum';
  readonly name: string;
  readonly size: number;
  readonly signed: boolean;
  enumerators(): Promise<readonly Enumerator[]>;
}
export interface RecordType {
  readonly kind: 'record';
  readonly name: string;
  readonly size: number;
  fields(): Promise<readonly CField[]>;
}
export interface OpaqueType {
  readonly kind: 'void' | 'function' | 'unknown';
  readonly name: string;
  readonly size: number;
}
export type CType = ScalarType | PointerType | ArrayType | EnumType | RecordType | OpaqueType;

const scalar = (kind: ScalarKind, name: string, size: number, signed = false): ScalarType => ({
  kind,
  name,
  size,
  signed,
});

export const VOID: OpaqueType = { kind: 'void', name: 'void', size: 0 };
export const INT = scalar('integer', 'int', 4, true);
export const UNSIGNED_INT = scalar('integer', 'unsigned int', 4);
export const LONG_LONG = scalar('integer', '__int64', 8, true);
export const UNSIGNED_LONG_LONG = scalar('integer', 'unsigned __int64', 8);
export const DOUBLE = scalar('float', 'double', 8, true);
export const CHAR = scalar('character', 'char', 1, true);
export const WCHAR = scalar('character', 'wchar_t', 2);

export function pointerTo(target: CType): PointerType {
  return { kind: 'pointer', name: `${target.name}*`, size: 8, target: () => Promise.resolve(target) };
}

export function arrayOf(element: CType, count: number): ArrayType {
  return { kind: 'array', name: `${element.name}[${count}]`, size: element.size * count, count, element };
}

/** Basic types by the names that C, the Windows headers and the WDK give them (LLP64: long has 4 bytes). */
const BASIC_TYPES = new Map<string, CType>();
function basic(kind: ScalarKind, size: number, signed: boolean, names: string): void {
  for (const name of names.split(',')) BASIC_TYPES.set(name, scalar(kind, name, size, signed));
}
basic('character', 1, true, 'char,CHAR,CCHAR,INT8,int8_t,signed char');
basic('integer', 1, false, 'unsigned char,UCHAR,BYTE,UINT8,uint8_t,KIRQL');
basic('boolean', 1, false, 'BOOLEAN,bool,_Bool');
basic('integer', 2, true, 'short,SHORT,CSHORT,INT16,int16_t,short int,__int16');
basic('integer', 2, false, 'unsigned short,USHORT,WORD,UINT16,uint16_t,unsigned short int,unsigned __int16');
basic('character', 2, false, 'wchar_t,WCHAR');
basic(
  'integer',
  4,
  true,
  'int,long,LONG,INT,INT32,int32_t,NTSTATUS,HRESULT,KPRIORITY,long int,__int32,signed,signed int',
);
basic('boolean', 4, true, 'BOOL');
basic('integer', 4, false, 'unsigned int,unsigned long,unsigned,ULONG,DWORD,UINT,UINT32,uint32_t,ACCESS_MASK');
basic('integer', 4, false, 'unsigned long int,unsigned __int32,DEVICE_TYPE');
basic(
  'integer',
  8,
  true,
  'long long,__int64,LONGLONG,LONG64,INT64,int64_t,LONG_PTR,INT_PTR,SSIZE_T,ptrdiff_t,intptr_t',
);
basic('integer', 8, true, 'long long int,signed __int64');
basic('integer', 8, false, 'unsigned long long,unsigned __int64,ULONGLONG,ULONG64,DWORD64,UINT64,uint64_t,ULONG_PTR');
basic('integer', 8, false, 'UINT_PTR,SIZE_T,size_t,DWORD_PTR,KAFFINITY,uintptr_t,unsigned long long int');
basic('float', 4, true, 'float,FLOAT');
basic('float', 8, true, 'double,DOUBLE');
BASIC_TYPES.set('void', VOID);
BASIC_TYPES.set('VOID', VOID);
for (const name of ['PVOID', 'LPVOID', 'HANDLE']) BASIC_TYPES.set(name, { ...pointerTo(VOID), name });
for (const [name, target] of [
  ['PWSTR', WCHAR],
  ['PCWSTR', WCHAR],
  ['PSTR', CHAR],
  ['PCSTR', CHAR],
] as const) {
  BASIC_TYPES.set(name, { ...pointerTo(target), name });
}

/** A type that needs no symbols, by its C or Windows name. */
export function basicType(name: string): CType | undefined {
  return BASIC_TYPES.get(name);
}

/** Name without `struct`, leading underscores and qualifiers: `_KEVENT` and `struct _KEVENT` are KEVENT. */
export function plainTypeName(name: string): string {
  return name.replace(/^(?:const |volatile |struct |union |class |enum )+/, '').replace(/^_+(?=[A-Za-z])/, '');
}

/** A member by name, also inside anonymous structures and unions and base classes, with its offset from the outermost. */
export async function findField(record: RecordType, name: string): Promise<CField | undefined> {
  const fields = await record.fields();
  const direct = fields.find((field) => field.name === name);
  if (direct !== undefined) return direct;
  for (const field of fields) {
    if ((isAnonymous(field) || field.isBase === true) && field.type.kind === 'record') {
      const inner = await findField(field.type, name);
      if (inner !== undefined) return { ...inner, offset: inner.offset + field.offset };
    }
  }
  return undefined;
}

export function isAnonymous(field: CField): boolean {
  return field.name === '' || field.name.startsWith('<unnamed') || field.name.startsWith('__anon');
}
