/**
 * One trace source, drained in a worker thread of its own until it is told to stop. Rings have no wake: the worker looks
 * every millisecond while records come, and ever more rarely, down to every 20 ms, while none do.
 */
import { parentPort } from 'node:worker_threads';
import type { RequestResult, TraceSource } from '../protocol/agent-rpc.js';
import { FRAME_COST_BYTES, takeCredit } from './credit.js';
import { Device } from './devices.js';
import { CreateEventW } from './native/common-native.js';
import { NativeError, ntstatusError, plainError } from './native/native-error.js';
import {
  DRAIN_HEADER_BYTES,
  DRAIN_HEADER_OFFSET,
  ES_TRACE_MAX_SLOTS,
  ES_TRACE_SLOT_BYTES,
  ES_TRACE_VERSION,
  START_INPUT_BYTES,
  START_INPUT_OFFSET,
  STATE_BYTES,
  STATE_OFFSET,
  TRACE_IOCTL,
} from '../protocol/trace-layout.js';
import type { CallFailure } from './call-worker.js';
import { RING_HEAD_BYTES, TraceSection, type RingPiece } from './trace-section.js';
import { ProcessSource } from './tracepoint-source.js';
import { Tracepoints } from './tracepoints.js';

/** Shared with the main thread: [0] is 1 when the worker should stop, 2 when it should give up at once. */
export type TraceControl = Int32Array;
export const TRACE_STOP = 1;
export const TRACE_ABANDON = 2;

/** Trace rings that a program was launched with: a section by its name. */
export type ProgramRings = Pick<TraceSection, 'name' | 'ringCount' | 'slotsPerRing'>;

export interface TraceWorkerStart {
  readonly source: TraceSource;
  /** Processes whose objects the recorded one may know. */
  readonly peers: readonly number[];
  /** Of a program that records itself, when that is wanted. */
  readonly rings: ProgramRings | undefined;
  /** The stream's credit in bytes, [0]. */
  readonly credit: Int32Array;
  readonly control: TraceControl;
}

/** What the answer to the client says of a source of tracepoints. */
export type TracepointAnswer = Pick<
  RequestResult<'trace/start'>['sources'][number],
  'imported' | 'stops' | 'recorderThread'
>;

export type TraceMessage =
  | {
      readonly type: 'started';
      readonly sectionName?: string | undefined;
      readonly ringCount: number;
      readonly slotsPerRing: number;
      readonly tracepoints?: TracepointAnswer | undefined;
    }
  | { readonly type: 'piece'; readonly piece: RingPiece }
  | { readonly type: 'stopped'; readonly slots: bigint; readonly lost: bigint; readonly error?: string | undefined }
  | { readonly type: 'failed'; readonly failure: CallFailure };

const BUSY_MS = 1;
const IDLE_MS = 20;
/** Slots of one frame: 512 KiB. */
const MAX_PIECE_SLOTS = 8_192;
const DRIVER_TIMEOUT_MS = 5_000;
/** A writer that had begun a record when recording was switched off finishes it within this, unless it was ended. */
const LAST_RECORD_MS = 50;
/** How long the last records wait for credit from a client that stopped and does not read. */
const LAST_CREDIT_MS = 10_000;

/** Where records come from. */
export interface DrainSource {
  readonly sectionName?: string;
  readonly ringCount: number;
  readonly slotsPerRing: number;
  readonly tracepoints?: TracepointAnswer;
  /** The next whole records, at most that many slots; undefined when there are none now. */
  take(maxSlots: number): RingPiece | undefined;
  /** Returns what the user should know when something could not be put back. */
  stopRecording(): string | undefined;
  /** Slots that will not come any more, after the end. */
  unfinished(): number;
  /** Lost records since the start. */
  lost(): bigint;
  close(): void;
}

async function openSource({ source, peers, rings }: TraceWorkerStart): Promise<DrainSource> {
  switch (source.type) {
    case 'application':
      return new SectionSource(source);
    case 'driver':
      return new DriverSource(source);
    case 'tracepoints':
      return openProcess(await Tracepoints.install(source, peers), rings);
  }
}

function openProcess(tracepoints: Tracepoints, rings: ProgramRings | undefined): ProcessSource {
  if (rings === undefined) return new ProcessSource(tracepoints, undefined);
  try {
    return new ProcessSource(tracepoints, new TraceSection(rings.ringCount, rings.slotsPerRing, rings.name));
  } catch (error) {
    tracepoints.close();
    throw error;
  }
}

export async function runTraceWorker(start: TraceWorkerStart): Promise<void> {
  const { credit, control } = start;
  const port = parentPort;
  if (port === null) {
    throw new Error('A trace worker runs in a worker thread');
  }
  const post = (message: TraceMessage): void => port.postMessage(message);
  let opened: DrainSource;
  try {
    opened = await openSource(start);
  } catch (error) {
    post({ type: 'failed', failure: failureOf(error) });
    return;
  }
  const { sectionName, ringCount, slotsPerRing, tracepoints } = opened;
  post({ type: 'started', sectionName, ringCount, slotsPerRing, tracepoints });
  const sender = new PieceSender(credit, control, (piece) => {
    port.postMessage({ type: 'piece', piece } satisfies TraceMessage, [piece.data.buffer as ArrayBuffer]);
  });
  let error: string | undefined;
  try {
    drainUntilStopped(opened, sender, control);
    const stopped = opened.stopRecording();
    error = drainRest(opened, sender) ?? stopped;
  } catch (failure) {
    error = failureOf(failure).message;
  }
  post({ type: 'stopped', slots: sender.slots, lost: lostOf(opened), error });
  opened.close();
}

function lostOf(source: DrainSource): bigint {
  try {
    return source.lost();
  } catch {
    // The device is gone, which the error of the drain says already.
    return 0n;
  }
}

function failureOf(error: unknown): CallFailure {
  return {
    message: error instanceof Error ? error.message : String(error),
    data: error instanceof NativeError ? error.data : undefined,
  };
}

/** Sends pieces under credit: takes the credit for the largest piece first, and gives back what was not used. */
class PieceSender {
  slots = 0n;
  constructor(
    readonly credit: Int32Array,
    readonly control: TraceControl,
    readonly post: (piece: RingPiece) => void,
  ) {}

  /** 'poor': there is not even credit for the largest record. Undefined: the source has nothing now. */
  sendNext(source: DrainSource): RingPiece | 'poor' | undefined {
    const overhead = FRAME_COST_BYTES + RING_HEAD_BYTES;
    const affordable = Math.floor((Atomics.load(this.credit, 0) - overhead) / ES_TRACE_SLOT_BYTES);
    const slots = Math.min(MAX_PIECE_SLOTS, affordable);
    const reserved = overhead + slots * ES_TRACE_SLOT_BYTES;
    if (slots < ES_TRACE_MAX_SLOTS || !takeCredit(this.credit, reserved)) {
      return 'poor';
    }
    let used = 0;
    try {
      const piece = source.take(slots);
      if (piece !== undefined) {
        used = FRAME_COST_BYTES + piece.data.length;
        this.slots += BigInt(piece.slotCount);
        this.post(piece);
      }
      return piece;
    } finally {
      Atomics.add(this.credit, 0, reserved - used);
    }
  }
}

function drainUntilStopped(source: DrainSource, sender: PieceSender, control: TraceControl): void {
  let interval = BUSY_MS;
  while (Atomics.load(control, 0) === 0) {
    const sent = sender.sendNext(source);
    // A ring that was emptied but for a few is left to fill: small frames cost more than a millisecond's wait.
    if (typeof sent === 'object' && sent.slotCount >= MAX_PIECE_SLOTS / 16) {
      interval = BUSY_MS;
      continue;
    }
    interval = sent === undefined ? Math.min(interval * 2, IDLE_MS) : BUSY_MS;
    Atomics.wait(control, 0, 0, interval);
  }
}

/** Returns what the user should know about records that cannot be sent. */
function drainRest(source: DrainSource, sender: PieceSender): string | undefined {
  let lastPiece = performance.now();
  let hadCredit = lastPiece;
  for (;;) {
    if (Atomics.load(sender.control, 0) === TRACE_ABANDON) {
      return 'The client went away before the last records were sent';
    }
    const sent = sender.sendNext(source);
    const now = performance.now();
    if (sent !== 'poor') {
      hadCredit = now;
    } else if (now - hadCredit > LAST_CREDIT_MS) {
      return 'The client did not take the last records';
    }
    if (typeof sent === 'object') {
      lastPiece = now;
      continue;
    }
    if (sent === undefined && source.unfinished() === 0) {
      return undefined;
    }
    if (sent === undefined && now - lastPiece > LAST_RECORD_MS) {
      return `${source.unfinished()} slots were reserved and never written: a thread was ended while it recorded`;
    }
    Atomics.wait(sender.control, 0, TRACE_STOP, BUSY_MS);
  }
}

class SectionSource implements DrainSource {
  readonly #section: TraceSection;

  constructor(source: Extract<TraceSource, { type: 'application' }>) {
    this.#section = new TraceSection(source.ringCount, source.slotsPerRing);
    this.#section.enable(true);
  }

  get sectionName(): string {
    return this.#section.name;
  }
  get ringCount(): number {
    return this.#section.ringCount;
  }
  get slotsPerRing(): number {
    return this.#section.slotsPerRing;
  }
  unfinished(): number {
    return this.#section.pending;
  }
  lost(): bigint {
    return this.#section.lost;
  }

  take(maxSlots: number): RingPiece | undefined {
    return this.#section.takeNext(maxSlots);
  }

  stopRecording(): undefined {
    this.#section.enable(false);
  }

  close(): void {
    this.#section.close();
  }
}

class DriverSource implements DrainSource {
  readonly #device: Device;
  /** Never set: these requests are bounded by their time alone. */
  readonly #neverEvent = CreateEventW(null, 1, 0, null);
  readonly ringCount: number;
  readonly slotsPerRing: number;

  constructor(source: Extract<TraceSource, { type: 'driver' }>) {
    this.#device = new Device(source.device);
    try {
      const input = new Uint8Array(START_INPUT_BYTES);
      const view = new DataView(input.buffer);
      view.setUint32(START_INPUT_OFFSET.version, ES_TRACE_VERSION, true);
      view.setUint32(START_INPUT_OFFSET.slotsPerRing, source.slotsPerRing, true);
      this.#control(TRACE_IOCTL.START, input, 0);
      const state = this.#queryState();
      this.ringCount = state.readUInt32LE(STATE_OFFSET.ringCount);
      this.slotsPerRing = state.readUInt32LE(STATE_OFFSET.slotsPerRing);
    } catch (error) {
      this.#device.close();
      throw error;
    }
  }

  unfinished(): number {
    return 0;
  }

  lost(): bigint {
    return this.#queryState().readBigUInt64LE(STATE_OFFSET.lost);
  }

  take(maxSlots: number): RingPiece | undefined {
    const size = DRAIN_HEADER_BYTES + maxSlots * ES_TRACE_SLOT_BYTES;
    const output = Buffer.from(this.#control(TRACE_IOCTL.DRAIN, new Uint8Array(0), size));
    if (output.length < DRAIN_HEADER_BYTES) {
      throw plainError(`${this.#device.path} answered a drain with ${output.length} bytes`);
    }
    const ring = output.readUInt32LE(DRAIN_HEADER_OFFSET.ring);
    const slotCount = output.readUInt32LE(DRAIN_HEADER_OFFSET.slotCount);
    const lost = output.readBigUInt64LE(DRAIN_HEADER_OFFSET.lost);
    if (slotCount === 0) {
      return undefined;
    }
    if (output.length !== DRAIN_HEADER_BYTES + slotCount * ES_TRACE_SLOT_BYTES) {
      throw plainError(`${this.#device.path} answered a drain with ${output.length} bytes for ${slotCount} slots`);
    }
    const data = new Uint8Array(RING_HEAD_BYTES + slotCount * ES_TRACE_SLOT_BYTES);
    new DataView(data.buffer).setUint32(0, ring, true);
    data.set(output.subarray(DRAIN_HEADER_BYTES), RING_HEAD_BYTES);
    return { ring, slotCount, firstSlot: output.readBigUInt64LE(DRAIN_HEADER_OFFSET.firstSlot), lost, data };
  }

  stopRecording(): undefined {
    this.#control(TRACE_IOCTL.STOP, new Uint8Array(0), 0);
  }

  close(): void {
    this.#device.close();
  }

  #queryState(): Buffer {
    const state = Buffer.from(this.#control(TRACE_IOCTL.QUERY, new Uint8Array(0), STATE_BYTES));
    if (state.length < STATE_BYTES || state.readUInt32LE(STATE_OFFSET.version) !== ES_TRACE_VERSION) {
      throw plainError(`${this.#device.path} has trace rings of another version than this agent`);
    }
    return state;
  }

  /** The output is a view that holds until the next request. */
  #control(code: number, input: Uint8Array, outputBytes: number): Uint8Array {
    const { status, output } = this.#device.control(code, input, outputBytes, DRIVER_TIMEOUT_MS, this.#neverEvent);
    if (status !== 0) {
      throw ntstatusError('DeviceIoControl', status, this.#device.path);
    }
    return output;
  }
}
