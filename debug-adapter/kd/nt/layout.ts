/**
 * Where fields of NT's structures are, and how we know: from the kernel's own PDB, from its debugger data block, or from a table for its
 * build. What is in none of them is refused, never guessed. The tables come from published layouts of Windows 10 and 11, none of which
 * was at hand to be tested.
 */
import { EventscopeError } from '../../../protocol/errors.js';
import type { ModuleSymbols } from '../../symbols/symbol-provider.js';
import type { DebuggerData, DebuggerOffset } from './debugger-data.js';

export type FieldSource = 'pdb' | 'debugger data' | 'table';

export interface FieldFact {
  readonly offset: number;
  readonly from: FieldSource;
}

/** Structure and field as the PDB names them. */
export const NT_FIELDS = {
  'KPROCESS.DirectoryTableBase': ['_KPROCESS', 'DirectoryTableBase'],
  'EPROCESS.UniqueProcessId': ['_EPROCESS', 'UniqueProcessId'],
  'EPROCESS.ActiveProcessLinks': ['_EPROCESS', 'ActiveProcessLinks'],
  'EPROCESS.Peb': ['_EPROCESS', 'Peb'],
  'EPROCESS.ObjectTable': ['_EPROCESS', 'ObjectTable'],
  'EPROCESS.DebugPort': ['_EPROCESS', 'DebugPort'],
  'EPROCESS.ImageFileName': ['_EPROCESS', 'ImageFileName'],
  'EPROCESS.ThreadListHead': ['_EPROCESS', 'ThreadListHead'],
  'KTHREAD.InitialStack': ['_KTHREAD', 'InitialStack'],
  'KTHREAD.KernelStack': ['_KTHREAD', 'KernelStack'],
  'KTHREAD.TrapFrame': ['_KTHREAD', 'TrapFrame'],
  'KTHREAD.WaitStatus': ['_KTHREAD', 'WaitStatus'],
  'KTHREAD.WaitBlockList': ['_KTHREAD', 'WaitBlockList'],
  'KTHREAD.Teb': ['_KTHREAD', 'Teb'],
  'KTHREAD.State': ['_KTHREAD', 'State'],
  'KTHREAD.WaitMode': ['_KTHREAD', 'WaitMode'],
  'KTHREAD.WaitTime': ['_KTHREAD', 'WaitTime'],
  'KTHREAD.Process': ['_KTHREAD', 'Process'],
  'KTHREAD.WaitBlockCount': ['_KTHREAD', 'WaitBlockCount'],
  'KTHREAD.WaitReason': ['_KTHREAD', 'WaitReason'],
  'ETHREAD.Cid': ['_ETHREAD', 'Cid'],
  'ETHREAD.Win32StartAddress': ['_ETHREAD', 'Win32StartAddress'],
  'ETHREAD.ThreadListEntry': ['_ETHREAD', 'ThreadListEntry'],
  /** In no table: threads have names where there is a PDB. */
  'ETHREAD.ThreadName': ['_ETHREAD', 'ThreadName'],
  'OBJECT_HEADER.TypeIndex': ['_OBJECT_HEADER', 'TypeIndex'],
  'OBJECT_HEADER.InfoMask': ['_OBJECT_HEADER', 'InfoMask'],
  'OBJECT_HEADER.Body': ['_OBJECT_HEADER', 'Body'],
} as const;
export type NtField = keyof typeof NT_FIELDS;

type Table = Readonly<Partial<Record<NtField, number>>>;

/** KTHREAD's own part is the same from 19041 on. */
const THREAD_19041: Table = {
  'KTHREAD.InitialStack': 0x28,
  'KTHREAD.KernelStack': 0x58,
  'KTHREAD.TrapFrame': 0x90,
  'KTHREAD.WaitStatus': 0xc8,
  'KTHREAD.WaitBlockList': 0xd0,
  'KTHREAD.Teb': 0xf0,
  'KTHREAD.State': 0x184,
  'KTHREAD.WaitMode': 0x187,
  'KTHREAD.WaitTime': 0x1b4,
  'KTHREAD.Process': 0x220,
  'KTHREAD.WaitBlockCount': 0x24b,
  'KTHREAD.WaitReason': 0x283,
};
const COMMON: Table = {
  'KPROCESS.DirectoryTableBase': 0x28,
  'OBJECT_HEADER.TypeIndex': 0x18,
  'OBJECT_HEADER.InfoMask': 0x1a,
  'OBJECT_HEADER.Body': 0x30,
};
const threadOf = (threadBytes: number): Table => ({
  'ETHREAD.Cid': threadBytes + 0x48,
  'ETHREAD.Win32StartAddress': threadBytes + 0xa0,
  'ETHREAD.ThreadListEntry': threadBytes + 0xb8,
});
const process = (
  id: number,
  links: number,
  peb: number,
  objects: number | undefined,
  port: number | undefined,
  name: number,
  threads: number,
): Table => ({
  'EPROCESS.UniqueProcessId': id,
  'EPROCESS.ActiveProcessLinks': links,
  'EPROCESS.Peb': peb,
  ...(objects === undefined ? {} : { 'EPROCESS.ObjectTable': objects }),
  ...(port === undefined ? {} : { 'EPROCESS.DebugPort': port }),
  'EPROCESS.ImageFileName': name,
  'EPROCESS.ThreadListHead': threads,
});
const PROCESS_2004 = process(0x440, 0x448, 0x550, 0x570, 0x578, 0x5a8, 0x5e0);

/** [first build, last build, fields]; builds outside have no table. */
const TABLES: readonly (readonly [number, number, Table])[] = [
  [
    18362,
    18363,
    { ...COMMON, ...process(0x2e8, 0x2f0, 0x3f8, undefined, undefined, 0x450, 0x488), ...threadOf(0x600) },
  ],
  [19041, 19045, { ...COMMON, ...PROCESS_2004, ...THREAD_19041, ...threadOf(0x430) }],
  [22000, 22631, { ...COMMON, ...PROCESS_2004, ...THREAD_19041, ...threadOf(0x480) }],
  [
    26100,
    26200,
    { ...COMMON, ...process(0x1d0, 0x1d8, 0x2e0, 0x300, 0x308, 0x338, 0x370), ...THREAD_19041, ...threadOf(0x4c0) },
  ],
];

/** What the debugger data block says of the same fields. */
const DEBUGGER_DATA: Readonly<Partial<Record<NtField, DebuggerOffset>>> = {
  'KPROCESS.DirectoryTableBase': 'processDirectoryTableBase',
  'EPROCESS.Peb': 'processPeb',
  'KTHREAD.InitialStack': 'threadInitialStack',
  'KTHREAD.KernelStack': 'threadKernelStack',
  'KTHREAD.Teb': 'threadTeb',
  'KTHREAD.State': 'threadState',
  'KTHREAD.WaitReason': 'threadWaitReason',
  // The attached process, which is the thread's own but while it is attached to another.
  'KTHREAD.Process': 'threadApcProcess',
};

export interface LayoutSources {
  readonly target: string;
  readonly buildNumber: number;
  readonly debuggerData?: DebuggerData;
  /** The kernel's; used when its source is a PDB. */
  readonly symbols?: ModuleSymbols;
}

export class NtLayout {
  private constructor(
    private readonly target: string,
    private readonly buildNumber: number,
    private readonly facts: ReadonlyMap<NtField, FieldFact>,
  ) {}

  static async from(sources: LayoutSources): Promise<NtLayout> {
    const facts = new Map<NtField, FieldFact>();
    const table =
      TABLES.find(([first, last]) => sources.buildNumber >= first && sources.buildNumber <= last)?.[2] ?? {};
    for (const field of Object.keys(NT_FIELDS) as NtField[]) {
      const fact =
        (await fromPdb(sources.symbols, field)) ??
        fromDebuggerData(sources.debuggerData, field) ??
        fromTable(table, field);
      if (fact !== undefined) facts.set(field, fact);
    }
    return new NtLayout(sources.target, sources.buildNumber, facts);
  }

  find(field: NtField): FieldFact | undefined {
    return this.facts.get(field);
  }

  has(...fields: readonly NtField[]): boolean {
    return fields.every((field) => this.facts.has(field));
  }

  /** Bytes from the structure's beginning. Rejects a field that is not known of this kernel. */
  offset(field: NtField): number {
    const fact = this.facts.get(field);
    if (fact !== undefined) return fact.offset;
    throw new EventscopeError({
      id: 'debug.ntLayout',
      what: `Where ${field} is in this kernel is not known`,
      target: this.target,
      why: `there is no PDB of the kernel, its debugger data does not tell, and build ${this.buildNumber} is in no table`,
      next: 'Set symbolPath so that the PDB of ntoskrnl.exe is found',
    });
  }

  /** For each source, how many fields it told. */
  get provenance(): Readonly<Record<FieldSource, number>> {
    const counts = { pdb: 0, 'debugger data': 0, table: 0 };
    for (const { from } of this.facts.values()) counts[from]++;
    return counts;
  }
}

async function fromPdb(symbols: ModuleSymbols | undefined, field: NtField): Promise<FieldFact | undefined> {
  if (symbols?.source !== 'pdb') return undefined;
  const [structure, name] = NT_FIELDS[field];
  const type = await symbols.typeByName(structure);
  if (type === undefined) return undefined;
  const found = (await symbols.fields(type)).find((candidate) => candidate.name === name);
  return found === undefined ? undefined : { offset: found.offset, from: 'pdb' };
}

function fromDebuggerData(data: DebuggerData | undefined, field: NtField): FieldFact | undefined {
  const name = DEBUGGER_DATA[field];
  const offset = name === undefined ? undefined : data?.offset(name);
  return offset === undefined ? undefined : { offset, from: 'debugger data' };
}

function fromTable(table: Table, field: NtField): FieldFact | undefined {
  const offset = table[field];
  return offset === undefined ? undefined : { offset, from: 'table' };
}
