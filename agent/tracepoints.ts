/**
 * Import tracepoints of one process: places the recorder (driver/tracepoints) and a shared trace section in it, has the import slots of
 * its modules lead there, and takes all that back. What the process records while nobody drains is counted as lost, nothing blocks.
 *
 * Slots are pointed and put back by a thread of the recorder in the process itself, which also waits for this agent's process: when the
 * agent is killed, the slots are put back all the same. Not seen are calls by an address that GetProcAddress gave, and of modules
 * that are loaded later.
 */
import { Directory, PeImage } from '../machine/pe/pe-image.js';
import { BufferSource } from '../machine/pe/byte-source.js';
import { readExports } from '../machine/pe/exports.js';
import type { PlacedStop } from '../protocol/agent-rpc.js';
import {
  ES_TP_MAX_RINGS,
  THUNK_BYTES,
  TRACEPOINT_CONTROL_BYTES,
  TRACEPOINT_CONTROL_OFFSET as CONTROL,
  TRACEPOINT_KNOWN_BYTES,
  TRACEPOINT_SLOT_BYTES,
  TRACEPOINT_SLOT_OFFSET as SLOT,
  TRACEPOINT_STATE,
  TRACEPOINT_WRAPPER_BYTES,
} from '../protocol/tracepoint-layout.js';
import recorderImage from '../dist/tracepoints.dll';
import { ForeignMemory, foreignNtdll } from './foreign-memory.js';
import { wineGetVersion } from './information-native.js';
import {
  CloseHandle,
  CreateEventW,
  GetCurrentProcess,
  GetLastError,
  OpenProcess,
  SetEvent,
  WaitForSingleObject,
} from './native/common-native.js';
import type { Handle } from './native/memory.js';
import { ntstatusError, plainError, win32Error } from './native/native-error.js';
import { NtCompareObjects } from './objects-native.js';
import { TraceSection } from './trace-section.js';
import { knownHandles, knownTable, type KnownHandle } from './tracepoint-known.js';
import {
  pauseThread,
  type Plan,
  type PlannedSlot,
  planTracepoints,
  planWhenBound,
  type TracedModule,
  type TracepointSource,
} from './tracepoint-plan.js';
import { describeSlot, writeThunk } from './tracepoint-slots.js';
import {
  addressOf,
  isPlanned,
  TRAMPOLINE_BYTES,
  writeTrampoline,
  type PlannedStop,
  type StopPlan,
} from './tracepoint-stops.js';
import { wrapperTable } from './tracepoint-wrappers.js';
import {
  CreateRemoteThread,
  DUPLICATE_SAME_ACCESS,
  DuplicateHandle,
  MEM_COMMIT_RESERVE,
  MEM_RELEASE,
  NtMapViewOfSection,
  PAGE_EXECUTE_READ,
  PAGE_READWRITE,
  VIEW_UNMAP,
  VirtualAllocEx,
  VirtualFreeEx,
} from './tracepoints-native.js';
import { VirtualProtectEx } from './debug-native.js';

/** Thread creation, memory, handles, information, waiting. */
const PROCESS_ACCESS = 0x0010_0000 | 0x400 | 0x40 | 0x20 | 0x10 | 0x8 | 0x2;
const SYNCHRONIZE = 0x0010_0000;
const PAGE = 4_096;
const READY_TIMEOUT_MS = 5_000;
/** Over the second that the recorder's thread itself gives to writers. */
const RESTORE_TIMEOUT_MS = 3_000;
const POLL_MS = 2;
const RINGS = 8;

const NTDLL_FUNCTIONS = [
  ...([
    'NtWaitForMultipleObjects',
    'NtProtectVirtualMemory',
    'NtQueryPerformanceCounter',
    'NtQuerySystemTime',
  ] as const),
  ...(['NtQueryInformationProcess', 'NtClose', 'RtlAddFunctionTable', 'NtDelayExecution'] as const),
  ...(['NtUnmapViewOfSection', 'NtDuplicateObject', 'NtQueryObject'] as const),
] as const;

/** Of a driver's host. */
const OPEN_BY_POINTER = { name: 'ObOpenObjectByPointer', modules: ['ntoskrnl.exe'] };

const ntdllFunctions = (): readonly string[] =>
  NtCompareObjects === undefined ? NTDLL_FUNCTIONS : [...NTDLL_FUNCTIONS, 'NtCompareObjects'];

/** Where everything lies in the process: recorder, thunks, trampolines, control, slots, in one allocation. */
interface Placement {
  readonly base: bigint;
  readonly codeBytes: number;
  readonly thunks: bigint;
  /** Of stops, whose thunks come behind those of import slots. */
  readonly trampolines: bigint;
  readonly control: bigint;
  readonly slots: bigint;
  /** Handles of other processes. */
  readonly known: bigint;
  readonly wrappers: bigint;
  readonly bytes: number;
}

interface Installed {
  readonly processId: number;
  readonly side: 'kernel' | 'user';
  readonly section: TraceSection;
  readonly modules: readonly TracedModule[];
  readonly handles: readonly KnownHandle[];
  readonly memory: ForeignMemory;
  readonly placement: Placement;
  readonly slots: readonly PlannedSlot[];
  readonly stops: readonly PlacedStop[];
  readonly stop: Handle;
  readonly thread: Handle;
  readonly threadId: number;
}

const roundUp = (value: number): number => Math.ceil(value / PAGE) * PAGE;
export class Tracepoints {
  readonly section: TraceSection;
  readonly modules: readonly TracedModule[];
  /** What the process had before the recording. */
  readonly handles: readonly KnownHandle[];
  readonly side: 'kernel' | 'user';
  /** Id of the traced process. */
  readonly process: number;
  /** Import slots that lead to the recorder. */
  readonly slotCount: number;
  /** Points that they lead to. */
  readonly imported: readonly string[];
  /** In the order of the source's `stops`. */
  readonly stops: readonly PlacedStop[];
  /** Id of the recorder's own thread. */
  readonly recorderThread: number;
  readonly #memory: ForeignMemory;
  readonly #placement: Placement;
  readonly #slots: readonly PlannedSlot[];
  readonly #stop: Handle;
  readonly #thread: Handle;
  #removed = false;

  /** What {@link Tracepoints.install} has made. */
  constructor(parts: Installed) {
    this.section = parts.section;
    this.modules = parts.modules;
    this.handles = parts.handles;
    this.side = parts.side;
    this.#memory = parts.memory;
    this.#placement = parts.placement;
    this.#slots = parts.slots;
    this.#stop = parts.stop;
    this.#thread = parts.thread;
    this.process = parts.processId;
    this.slotCount = parts.slots.length;
    this.imported = [...new Set(parts.slots.map(({ point }) => point.name))];
    this.stops = parts.stops;
    this.recorderThread = parts.threadId;
  }

  /**
   * @param peers the other processes of the recording
   * @throws NativeError when the process cannot be opened, or when none of its imports is to be recorded
   */
  static async install(source: TracepointSource, peers: readonly number[]): Promise<Tracepoints> {
    const process = OpenProcess(PROCESS_ACCESS, 0, source.process);
    if (process === 0) throw win32Error('OpenProcess', GetLastError(), `process ${source.process}`);
    try {
      const memory = new ForeignMemory(process);
      return await place(
        memory,
        source,
        await (source.held === true ? planWhenBound : planTracepoints)(memory, source),
        peers,
      );
    } catch (error) {
      CloseHandle(process);
      throw error;
    }
  }

  /** Counter of the process when recording began. */
  get startTicks(): bigint {
    return this.#memory.read(this.#placement.control + BigInt(CONTROL.startTicks), 8)?.readBigUInt64LE() ?? 0n;
  }

  /**
   * Puts every slot back and ends recording; returns what the user should know when something could not be. The section stays
   * readable: what was recorded is to be drained.
   */
  remove(): string | undefined {
    if (this.#removed) return undefined;
    this.#removed = true;
    SetEvent(this.#stop);
    const answered = WaitForSingleObject(this.#thread, RESTORE_TIMEOUT_MS) === 0;
    const left = this.#slots.filter((slot, index) => this.#leadsToThunk(slot, index));
    if (!answered || left.length > 0) {
      // The thread is held, as by a debugger: the same from outside. It finds nothing left to do when it goes on.
      for (const { address, target } of left) {
        const bytes = Buffer.alloc(8);
        bytes.writeBigUInt64LE(target);
        try {
          this.#memory.overwrite(address, bytes);
        } catch {
          return `An import slot at 0x${address.toString(16)} could not be put back`;
        }
      }
    }
    return undefined;
  }

  close(): void {
    this.remove();
    this.section.close();
    CloseHandle(this.#stop);
    CloseHandle(this.#thread);
    CloseHandle(this.#memory.process);
  }

  #leadsToThunk({ address }: PlannedSlot, index: number): boolean {
    const thunk = this.#placement.thunks + BigInt(index * THUNK_BYTES);
    return this.#memory.read(address, 8)?.readBigUInt64LE() === thunk;
  }

  /** Waits until the recorder's thread has pointed the slots. */
  awaitReady(): void {
    const until = performance.now() + READY_TIMEOUT_MS;
    for (;;) {
      const state = this.#memory.read(this.#placement.control + BigInt(CONTROL.state), 4)?.readUInt32LE();
      if (state === TRACEPOINT_STATE.Ready) return;
      if (state === undefined) throw plainError('The process ended while its tracepoints were made');
      if (performance.now() > until) throw plainError('The process does not run: its tracepoints could not be made');
      pauseThread(POLL_MS);
    }
  }
}

interface Recorder {
  readonly bytes: Buffer;
  readonly common: number;
  readonly watch: number;
  readonly functions: number;
  readonly functionCount: number;
}

/** The recorder's image as it is in memory. */
async function recorder(): Promise<Recorder> {
  const image = await PeImage.open(new BufferSource(recorderImage), 'file');
  const bytes = Buffer.alloc(roundUp(image.headers.sizeOfImage));
  bytes.set(await image.readUpTo(0, image.headers.sizeOfHeaders));
  for (const { rva, virtualSize, rawSize } of image.sections) {
    bytes.set(await image.readUpTo(rva, Math.min(virtualSize, rawSize)), rva);
  }
  const exported = new Map((await readExports(image)).map(({ name, rva }) => [name, rva]));
  const unwind = image.directory(Directory.Exception);
  return {
    bytes,
    common: exported.get('EsTpCommon') ?? 0,
    watch: exported.get('EsTpWatch') ?? 0,
    functions: unwind?.rva ?? 0,
    functionCount: Math.floor((unwind?.size ?? 0) / 12),
  };
}

async function place(
  memory: ForeignMemory,
  source: TracepointSource,
  { modules, slots, stops, wrappers }: Plan,
  peers: readonly number[],
): Promise<Tracepoints> {
  const code = await recorder();
  const opens = source.side === 'kernel' ? await addressOf(memory, OPEN_BY_POINTER) : undefined;
  const known = opens === undefined ? Buffer.alloc(0) : knownTable(memory.process, peers);
  const table = wrapperTable(wrappers);
  const planned = stops.filter(isPlanned);
  const slotCount = slots.length + planned.length;
  const functions = new Map(foreignNtdll(memory.modules(), ntdllFunctions()));
  if (opens !== undefined) functions.set(OPEN_BY_POINTER.name, opens);
  const counts = { imports: slots.length, stops: planned.length };
  const placement = allocate(memory, code.bytes.length, counts, known.length, table.length);
  const section = new TraceSection(Math.min(RINGS, ES_TP_MAX_RINGS), source.slotsPerRing);
  const stop = CreateEventW(null, 1, 0, null);
  let thread: Handle = 0;
  const threadId = new Uint32Array(1);
  let started = false;
  try {
    const area = mapSection(memory, section);
    memory.write(placement.base, codeOf(placement, code, slotCount, planned));
    const control = controlOf({ memory, source, placement, code, functions, area, stop, slotCount, known, table });
    memory.write(placement.control, control);
    if (known.length > 0) memory.write(placement.known, known);
    if (table.length > 0) memory.write(placement.wrappers, table);
    const all = [...slots, ...planned.map((one, index) => slotOfStop(placement, one, index))];
    memory.write(placement.slots, Buffer.concat(all.map((slot, index) => slotOf(placement, slot, index))));
    const before = new Uint32Array(1);
    if (VirtualProtectEx(memory.process, placement.base, placement.codeBytes, PAGE_EXECUTE_READ, before) === 0) {
      throw win32Error('VirtualProtectEx', GetLastError());
    }
    const watch = placement.base + BigInt(code.watch);
    thread = CreateRemoteThread(memory.process, null, 0, watch, placement.control, 0, threadId);
    if (thread === 0) throw win32Error('CreateRemoteThread', GetLastError());
    started = true;
    const tracepoints = new Tracepoints({
      ...{ processId: source.process, side: source.side },
      // A process that is held at its beginning has none of its own yet.
      handles: source.held === true ? [] : knownHandles(source.process),
      section,
      modules,
      memory,
      placement,
      slots,
      stops: placedStops(placement, slots.length, stops),
      stop,
      thread,
      threadId: threadId[0] ?? 0,
    });
    try {
      tracepoints.awaitReady();
    } catch (error) {
      tracepoints.remove();
      throw error;
    }
    return tracepoints;
  } catch (error) {
    section.close();
    CloseHandle(stop);
    if (thread !== 0) CloseHandle(thread);
    // Once its thread is there, somebody may be in that memory.
    if (!started) VirtualFreeEx(memory.process, placement.base, 0, MEM_RELEASE);
    throw error;
  }
}

function allocate(
  memory: ForeignMemory,
  imageBytes: number,
  { imports, stops }: { readonly imports: number; readonly stops: number },
  knownBytes: number,
  wrapperBytes: number,
): Placement {
  const slotCount = imports + stops;
  const codeBytes = imageBytes + roundUp(slotCount * THUNK_BYTES + stops * TRAMPOLINE_BYTES);
  const slotBytes = slotCount * TRACEPOINT_SLOT_BYTES;
  const bytes = codeBytes + roundUp(TRACEPOINT_CONTROL_BYTES + slotBytes + knownBytes + wrapperBytes);
  const base = BigInt(VirtualAllocEx(memory.process, 0n, bytes, MEM_COMMIT_RESERVE, PAGE_READWRITE));
  if (base === 0n) throw win32Error('VirtualAllocEx', GetLastError());
  const control = base + BigInt(codeBytes);
  const slots = control + BigInt(TRACEPOINT_CONTROL_BYTES);
  const thunks = base + BigInt(imageBytes);
  const trampolines = thunks + BigInt(slotCount * THUNK_BYTES);
  const known = slots + BigInt(slotBytes);
  const wrappers = known + BigInt(knownBytes);
  return { base, codeBytes, bytes, thunks, trampolines, control, slots, known, wrappers };
}

function mapSection(memory: ForeignMemory, section: TraceSection): bigint {
  const base = new BigUint64Array(1);
  const size = new BigUint64Array(1);
  const { process } = memory;
  const status = NtMapViewOfSection(section.handle, process, base, 0, 0, null, size, VIEW_UNMAP, 0, PAGE_READWRITE);
  if (status < 0) throw ntstatusError('NtMapViewOfSection', status >>> 0);
  return base[0] ?? 0n;
}

/** Recorder, thunks and trampolines. */
function codeOf(
  { base, codeBytes, thunks, trampolines, slots }: Placement,
  code: Recorder,
  slotCount: number,
  stops: readonly PlannedStop[],
): Buffer {
  const bytes = Buffer.alloc(codeBytes, 0xcc);
  bytes.set(code.bytes);
  for (let index = 0; index < slotCount; index += 1) {
    const address = thunks + BigInt(index * THUNK_BYTES);
    const slot = slots + BigInt(index * TRACEPOINT_SLOT_BYTES);
    writeThunk(bytes, Number(address - base), address, slot, base + BigInt(code.common));
  }
  for (const [index, stop] of stops.entries()) {
    writeTrampoline(bytes, Number(trampolines - base) + index * TRAMPOLINE_BYTES, stop);
  }
  return bytes;
}

const thunkOf = ({ thunks }: Placement, index: number): bigint => thunks + BigInt(index * THUNK_BYTES);

/** No import slot leads to it: the recorder's thread finds nothing to point there. */
function slotOfStop(
  { trampolines }: Placement,
  { point, address, instruction }: PlannedStop,
  index: number,
): PlannedSlot {
  const copy = trampolines + BigInt(index * TRAMPOLINE_BYTES);
  return { point, slotRva: 0, address: 0n, target: instruction === undefined ? address : copy };
}

/** What the client is told of its stops; their thunks come behind those of `importCount` import slots. */
function placedStops(placement: Placement, importCount: number, stops: readonly StopPlan[]): PlacedStop[] {
  const recorder = { from: placement.base, to: placement.thunks };
  let next = importCount;
  return stops.map((stop) => {
    if (!isPlanned(stop)) return stop;
    const placed = { kind: 'stop' as const, address: stop.address, thunk: thunkOf(placement, next++) };
    return stop.instruction === undefined ? { ...placed, recorder } : placed;
  });
}

function slotOf({ control, thunks }: Placement, { point, address, target }: PlannedSlot, index: number): Buffer {
  const slot = Buffer.from(describeSlot(point));
  slot.writeBigUInt64LE(target, SLOT.target);
  slot.writeBigUInt64LE(control, SLOT.control);
  slot.writeBigUInt64LE(address, SLOT.importSlot);
  slot.writeBigUInt64LE(thunks + BigInt(index * THUNK_BYTES), SLOT.thunk);
  return slot;
}

function controlOf(parts: {
  readonly memory: ForeignMemory;
  readonly source: TracepointSource;
  readonly placement: Placement;
  readonly code: Recorder;
  readonly functions: ReadonlyMap<string, bigint>;
  readonly area: bigint;
  readonly stop: Handle;
  readonly slotCount: number;
  readonly known: Buffer;
  readonly table: Buffer;
}): Buffer {
  const { memory, source, placement, code, functions, area, slotCount } = parts;
  const control = Buffer.alloc(TRACEPOINT_CONTROL_BYTES);
  control.writeUInt32LE(1, CONTROL.enabled);
  // Every x64 processor of the last decade has RDTSCP. On Wine it tells the host's processor number.
  control.writeUInt32LE(1, CONTROL.useRdtscp);
  control.writeUInt32LE(wineGetVersion === undefined ? 0 : 1, CONTROL.processorKnown);
  control.writeUInt32LE(source.process, CONTROL.process);
  control.writeBigUInt64LE(area, CONTROL.area);
  control.writeBigUInt64LE(placement.slots, CONTROL.slots);
  control.writeUInt32LE(slotCount, CONTROL.slotCount);
  control.writeUInt32LE(code.functionCount, CONTROL.functionCount);
  control.writeBigUInt64LE(placement.base, CONTROL.image);
  control.writeBigUInt64LE(placement.base + BigInt(code.functions), CONTROL.functions);
  control.writeBigUInt64LE(handOver(memory.process, GetCurrentProcess(), SYNCHRONIZE), CONTROL.agent);
  control.writeBigUInt64LE(handOver(memory.process, parts.stop, 0), CONTROL.stop);
  for (const [name, address] of functions) control.writeBigUInt64LE(address, CONTROL[name as keyof typeof CONTROL]);
  control.writeBigUInt64LE(placement.known, CONTROL.known);
  control.writeUInt32LE(parts.known.length / TRACEPOINT_KNOWN_BYTES, CONTROL.knownCount);
  control.writeBigUInt64LE(placement.wrappers, CONTROL.wrappers);
  control.writeUInt32LE(parts.table.length / TRACEPOINT_WRAPPER_BYTES, CONTROL.wrapperCount);
  return control;
}

/** A handle of ours as one of the process. access 0: the same. */
function handOver(process: Handle, handle: Handle, access: number): bigint {
  const theirs = new BigUint64Array(1);
  const options = access === 0 ? DUPLICATE_SAME_ACCESS : 0;
  if (DuplicateHandle(GetCurrentProcess(), handle, process, theirs, access, 0, options) === 0) {
    throw win32Error('DuplicateHandle', GetLastError());
  }
  return theirs[0] ?? 0n;
}
