/**
 * The catalogue of signal points, wait points, reset points and life-cycle points: one table for debugger, tracepoints, tree and
 * documentation. An index stands for a point in messages between processes of one version of Eventscope; in files it is the name.
 */
import { TraceKind } from '../protocol/trace-layout.js';
import type { PointAction, PointLayer, PointParameter, PointRole, PointRow, PointSide } from './point.js';
import { KERNEL_POINTS } from './points-kernel.js';
import { KERNEL_NATIVE_POINTS, NATIVE_POINTS } from './points-native.js';
import { ADDRESS_POINTS, USER32_POINTS, WIN32_POINTS } from './points-win32.js';

export type * from './point.js';

export interface Point extends PointRow {
  /** Its index in {@link POINTS}. */
  readonly index: number;
  readonly side: PointSide;
  readonly layer: PointLayer;
  /** Modules that export it, lower case, its home first; the others forward to it or have it once more. */
  readonly modules: readonly string[];
}

const NTOSKRNL = ['ntoskrnl.exe'];
const NTDLL = ['ntdll.dll'];
const KERNEL32 = ['kernel32.dll', 'kernelbase.dll'];
const KERNELBASE = ['kernelbase.dll'];
const USER32 = ['user32.dll'];

const SECTIONS = [
  { rows: KERNEL_POINTS, side: 'kernel', layer: 'kernel', modules: NTOSKRNL },
  { rows: KERNEL_NATIVE_POINTS, side: 'kernel', layer: 'kernelNative', modules: NTOSKRNL },
  { rows: NATIVE_POINTS, side: 'user', layer: 'native', modules: NTDLL },
  { rows: WIN32_POINTS, side: 'user', layer: 'win32', modules: KERNEL32 },
  { rows: ADDRESS_POINTS, side: 'user', layer: 'win32', modules: KERNELBASE },
  { rows: USER32_POINTS, side: 'user', layer: 'win32', modules: USER32 },
] as const;

export const POINTS: readonly Point[] = SECTIONS.flatMap(({ rows, side, layer, modules }) =>
  rows.map((row) => ({ ...row, side, layer, modules })),
).map((point, index) => ({ ...point, index }));

const BY_NAME = new Map(POINTS.map((point) => [point.name, point]));

/** `nt`, `nt!`, `ntoskrnl`: names by which debuggers call a module, as a file name; any other name gets .dll when it has no ending. */
export function moduleFileName(name: string): string {
  const lower = name.toLowerCase();
  if (lower === 'nt' || lower === 'ntoskrnl' || lower === 'ntkrnlmp.exe' || lower === 'ntkrnlmp') return 'ntoskrnl.exe';
  return /\.[a-z]{3}$/.test(lower) ? lower : `${lower}.dll`;
}

/** By "KeSetEvent", "nt!KeSetEvent" or "kernel32.dll!SetEvent"; undefined: not in the catalogue, or not of that module. */
export function pointNamed(name: string): Point | undefined {
  const mark = name.indexOf('!');
  const point = BY_NAME.get(name.slice(mark + 1));
  if (mark < 0 || point === undefined) return point;
  return point.modules.includes(moduleFileName(name.slice(0, mark))) ? point : undefined;
}

/** API sets through which a module is imported: the loader leads them to the module that has the function. */
const API_SETS: ReadonlyMap<string, RegExp> = new Map([
  ['kernel32.dll', /^api-ms-win-core-(synch|handle)-l/],
  ['kernelbase.dll', /^api-ms-win-core-(synch|handle)-l/],
  ['user32.dll', /^(api|ext)-ms-win-(ntuser|rtcore-ntuser)-/],
]);

/**
 * The point that an import names. `importer`: file name of the importing module. Imports of the kernel count only in a driver, those of
 * the user side only outside of the system's own modules: which modules those are is for the caller to say.
 */
export function pointOfImport(module: string, name: string): Point | undefined {
  const point = BY_NAME.get(name) ?? (name.startsWith('Zw') ? BY_NAME.get(`Nt${name.slice(2)}`) : undefined);
  if (point === undefined) return undefined;
  const file = moduleFileName(module);
  const matches = point.modules.some((home) => home === file || API_SETS.get(home)?.test(file) === true);
  if (matches) return point;
  // ntdll has each service under both names; the Zw ones stand in the catalogue for the kernel's.
  if (file === 'ntdll.dll' && name.startsWith('Zw')) return BY_NAME.get(`Nt${name.slice(2)}`);
  return undefined;
}

/** Functions that one call of this point enters on its way, at any depth: their hits in the same call are not counted once more. */
export function enteredBy(point: Point, onWine: boolean): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (row: PointRow): void => {
    for (const name of [...(row.enters ?? []), ...(onWine ? (row.entersOnWine ?? []) : [])]) {
      if (found.has(name)) continue;
      found.add(name);
      const inner = BY_NAME.get(name);
      if (inner !== undefined) visit(inner);
    }
  };
  visit(point);
  return found;
}

/** Roles under which a point is shown: SignalObjectAndWait and its native form are both. */
export function rolesOf(point: Pick<Point, 'role' | 'action'>): readonly PointRole[] {
  return point.action === 'signalAndWait' ? ['signal', 'wait'] : [point.role];
}

const KIND_OF_ACTION: Readonly<Record<PointAction, TraceKind | undefined>> = {
  set: TraceKind.Set,
  pulse: TraceKind.Pulse,
  reset: TraceKind.Reset,
  release: TraceKind.Release,
  complete: TraceKind.Complete,
  timerSet: TraceKind.TimerSet,
  timerCancel: TraceKind.TimerCancel,
  wait: TraceKind.WaitBegin,
  signalAndWait: TraceKind.WaitBegin,
  delay: undefined,
  wake: undefined,
  create: TraceKind.Create,
  open: TraceKind.Open,
  reference: TraceKind.Reference,
  dereference: TraceKind.Dereference,
  duplicate: TraceKind.Duplicate,
  close: TraceKind.Close,
  initialize: TraceKind.Initialize,
};

/**
 * Kind of the record that a call of this point makes (a wait makes a WaitEnd too); undefined when a trace has no word for it: delays,
 * and waits at an address, which concern no dispatcher object.
 */
export function recordKind(point: Pick<Point, 'action' | 'object'>): TraceKind | undefined {
  return point.object === 'address' || point.object === 'queue' ? undefined : KIND_OF_ACTION[point.action];
}

export type ArgumentPlace =
  | { readonly kind: 'register'; readonly register: 'rcx' | 'rdx' | 'r8' | 'r9' }
  /** Bytes above RSP at the function's first instruction, where the return address is at 0. */
  | { readonly kind: 'stack'; readonly offset: number };

const REGISTERS = ['rcx', 'rdx', 'r8', 'r9'] as const;

/** Where the calling convention of x64 puts the argument with that position, from 0. */
export function argumentPlace(position: number): ArgumentPlace {
  const register = REGISTERS[position];
  return register === undefined ? { kind: 'stack', offset: 8 + position * 8 } : { kind: 'register', register };
}

/** Position of the first argument with that meaning; -1: the function has none. */
export function parameterPosition(point: Pick<PointRow, 'parameters'>, parameter: PointParameter): number {
  return point.parameters.indexOf(parameter);
}

const BOOLEANS: ReadonlySet<PointParameter> = new Set(['waitFollows', 'waitMode', 'accessMode']);
/** BOOLEAN of the native calls, BOOL of Win32. */
const BOOLEANS_OR_BOOLS: ReadonlySet<PointParameter> = new Set(['alertable', 'initialState', 'initialOwner']);
const NUMBERS: ReadonlySet<PointParameter> = new Set([
  ...(['count', 'milliseconds', 'period', 'adjustment', 'increment', 'waitReason', 'waitType', 'waitAll'] as const),
  ...(['access', 'manualReset', 'eventType', 'initialCount', 'maximumCount', 'eventFlags', 'mutexFlags'] as const),
  ...(['timerFlags', 'handleAttributes'] as const),
]);

/** Bits of a register that an argument means: what is above is whatever was there. */
export function parameterBits(point: Pick<Point, 'layer'>, parameter: PointParameter): 8 | 32 | 64 {
  if (BOOLEANS.has(parameter)) return 8;
  if (BOOLEANS_OR_BOOLS.has(parameter)) return point.layer === 'win32' ? 32 : 8;
  return NUMBERS.has(parameter) ? 32 : 64;
}

export type WaitOutcome =
  | { readonly kind: 'satisfied'; /** In the list of the wait. */ readonly index: number }
  | { readonly kind: 'abandoned'; readonly index: number }
  | { readonly kind: 'timedOut' }
  | { readonly kind: 'alerted' }
  | { readonly kind: 'failed' };

const STATUS_USER_APC = 0xc0;
const STATUS_ALERTED = 0x101;
const STATUS_TIMEOUT = 0x102;

/** What the result of a wait means; of both the native calls (NTSTATUS) and Win32 (WAIT_*), which share these values. */
export function waitOutcome(result: number): WaitOutcome {
  const status = result >>> 0;
  if (status < 64) return { kind: 'satisfied', index: status };
  if (status >= 0x80 && status < 0xc0) return { kind: 'abandoned', index: status - 0x80 };
  if (status === STATUS_TIMEOUT) return { kind: 'timedOut' };
  return status === STATUS_ALERTED || status === STATUS_USER_APC ? { kind: 'alerted' } : { kind: 'failed' };
}
