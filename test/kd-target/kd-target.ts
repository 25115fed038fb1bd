/**
 * A KD target that follows the reference: it boots, stops at module loads, runs a model of a kernel, stops at breakpoints, answers
 * requests while it is stopped. It stands for Windows in tests; it was written without a look at the debugger's own code.
 */
import { Kernel, type KernelOptions } from './kernel.js';
import { HEADER_BYTES, KdRequests, type KdRequestsOptions } from './kd-requests.js';
import { EFLAGS_TF, KERNEL_CS, type Processor } from './processor.js';
import { PacketType, TargetLink, type Dialect } from './target-link.js';
import type { Image } from './image.js';

const STATUS_BREAKPOINT = 0x8000_0003;
const STATUS_SINGLE_STEP = 0x8000_0004;
const STATUS_WAKE_SYSTEM_DEBUGGER = 0x8000_0007;
const STATUS_ACCESS_VIOLATION = 0xc000_0005;
const STATUS_ILLEGAL_INSTRUCTION = 0xc000_001d;

const STATE_EXCEPTION = 0x3030;
const STATE_LOAD_SYMBOLS = 0x3031;
const STATE_COMMAND_STRING = 0x3032;
const REPORT_BYTES = 240;
const INSTRUCTION_BYTES = 16;
/** How often a print, a load-symbols report or a file request is sent again before the target goes on without a debugger. */
const RETRIES = 20;
/** Instructions between two looks at what the host sent. */
const BATCH = 500;

export interface KdTargetOptions extends KernelOptions, KdRequestsOptions {
  readonly dialect?: Dialect;
  /** Milliseconds until an unacknowledged packet is sent again. */
  readonly retransmitMs?: number;
  /** It runs already when the host comes: no stops at module loads. */
  readonly booted?: boolean;
  /** Continue's DR7 is written into the processor that reported only; the others have what was written into their special registers. */
  readonly continuesDr7Alone?: boolean;
  readonly send: (bytes: Uint8Array) => void;
}

interface Stop {
  readonly report: Uint8Array;
  readonly processor: Processor;
  /** The stop is a processor switch: Continue leads back to this report. */
  readonly owner?: Stop;
  readonly resume: (handled: boolean) => void;
}

export class KdTarget {
  kernel: Kernel;
  /** Requests that were answered, by API number. */
  readonly requests = new Map<number, number>();
  readonly #options: KdTargetOptions;
  readonly #link: TargetLink;
  #requests: KdRequests;
  #stop: Stop | undefined;
  #breakInWanted = false;
  #promptAnswer: ((payload: Uint8Array) => void) | undefined;
  #fileAnswer: ((payload: Uint8Array) => void) | undefined;
  /** Exceptions of processors that met one in the same moment; each is reported in its turn. */
  readonly #pending: {
    readonly processor: Processor;
    readonly code: number;
    readonly address: bigint;
    readonly parameters: readonly bigint[];
  }[] = [];
  #turn = 0;
  #ended = false;
  #scheduled: NodeJS.Immediate | undefined;
  #booting = false;

  constructor(options: KdTargetOptions) {
    this.#options = options;
    this.#link = new TargetLink({
      dialect: options.dialect ?? 'kdcom',
      retransmitMs: options.retransmitMs ?? 1_000,
      send: options.send,
      onData: (type, payload) => this.#data(type, payload),
      onBreakIn: () => (this.#breakInWanted = true),
      onReset: () => this.#reportAgain(),
    });
    this.kernel = this.#makeKernel();
    this.#requests = new KdRequests(this.kernel, this.#options);
  }

  get isStopped(): boolean {
    return this.#stop !== undefined;
  }

  receive(bytes: Uint8Array): void {
    this.#link.receive(bytes);
  }

  /** Powers it on. */
  async start(): Promise<void> {
    this.#booting = true;
    const { image, driver } = this.kernel;
    if (this.#options.booted !== true) {
      await this.#print('KDTARGET: Refreshing KD connection\n', 0);
      await this.loadSymbols(image, -1n, '\\SystemRoot\\system32\\ntoskrnl.exe');
      await this.loadSymbols(driver, 4n, '\\SystemRoot\\system32\\drivers\\eventsys.sys');
    }
    if (this.#ended) return;
    this.kernel.startDriver();
    this.#booting = false;
    this.#schedule();
  }

  end(): void {
    this.#ended = true;
    clearImmediate(this.#scheduled);
    this.#link.close();
  }

  /** The machine starts again: a fresh kernel, the link's state is gone. */
  async reboot(): Promise<void> {
    clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    this.#stop = undefined;
    this.#pending.length = 0;
    this.#link.restart();
    this.kernel = this.#makeKernel();
    this.#requests = new KdRequests(this.kernel, this.#options);
    await this.start();
  }

  /** Stops at a module's load (or unload) and goes on when the host says so. */
  async loadSymbols(image: Image, processId: bigint, path: string, unload = false): Promise<void> {
    const name = new TextEncoder().encode(`${path}\0`);
    const processor = this.#processor(0);
    const report = this.#report(STATE_LOAD_SYMBOLS, processor, name);
    const view = new DataView(report.buffer);
    view.setUint32(32, name.length, true);
    view.setBigUint64(40, image.base, true);
    view.setBigUint64(48, BigInt.asUintN(64, processId), true);
    view.setUint32(60, image.bytes.length, true);
    view.setUint8(64, unload ? 1 : 0);
    await new Promise<void>((resolve) => {
      this.#enterStop({ report, processor, resume: () => resolve() }, RETRIES, resolve);
    });
    this.#schedule();
  }

  /** Stops with a command for the debugger. */
  async commandString(name: string, command: string): Promise<void> {
    const extra = new TextEncoder().encode(`${name}\0${command}\0`);
    const processor = this.#processor(0);
    await new Promise<void>((resolve) => {
      this.#enterStop({
        report: this.#report(STATE_COMMAND_STRING, processor, extra),
        processor,
        resume: () => resolve(),
      });
    });
    this.#schedule();
  }

  /** DbgPrompt: what the host answers. */
  prompt(text: string, room = 16): Promise<string> {
    this.#link.listening = true;
    return new Promise((resolve) => {
      this.#promptAnswer = (payload) => {
        this.#link.listening = this.isStopped;
        const length = new DataView(payload.buffer, payload.byteOffset).getUint32(12, true);
        resolve(new TextDecoder().decode(payload.subarray(16, 16 + Math.min(length, room))));
      };
      void this.#link.transmit(PacketType.DebugIo, debugIo(0x3231, text, room));
    });
  }

  /** Asks the host for a file, as Windows does for each driver that it loads; the status of the answer, or no answer at all. */
  openHostFile(name: string): Promise<number | undefined> {
    this.#link.listening = true;
    const path = new Uint8Array(64 + 2 * name.length + 2);
    const view = new DataView(path.buffer);
    view.setUint32(0, 0x3430, true);
    view.setUint32(8, 0x12_0089, true);
    view.setUint32(12, 0x80, true);
    view.setUint32(16, 1, true);
    view.setUint32(20, 1, true);
    for (let index = 0; index < name.length; index++) view.setUint16(64 + 2 * index, name.charCodeAt(index), true);
    return new Promise((resolve) => {
      const finish = (status: number | undefined): void => {
        this.#fileAnswer = undefined;
        this.#link.listening = this.isStopped;
        resolve(status);
      };
      this.#fileAnswer = (payload) => finish(new DataView(payload.buffer, payload.byteOffset).getUint32(4, true));
      void this.#link.transmit(PacketType.FileIo, path, RETRIES).then((outcome) => {
        if (outcome === 'given up') finish(undefined);
      });
    });
  }

  /** The machine crashes: what it prints, and the break that follows. */
  async bugCheck(code: number, parameters: readonly [bigint, bigint, bigint, bigint]): Promise<void> {
    const data = this.kernel.memory.get64(this.kernel.debuggerDataList) + 0x88n;
    const at = this.kernel.memory.get64(data);
    [BigInt(code), ...parameters].forEach((value, index) => this.kernel.memory.u64(at + BigInt(8 * index), value));
    const hex = (value: bigint): string => `0x${value.toString(16).toUpperCase().padStart(16, '0')}`;
    const words = parameters.map(hex).join(',');
    await this.#print(
      `\n*** Fatal System Error: 0x${code.toString(16).padStart(8, '0')}\n                       (${words})\n\n`,
      0,
    );
    const processor = this.#processor(0);
    processor.registers.rip = this.kernel.address('ntoskrnl.exe', 'DbgBreakPointWithStatus');
    this.#exception(processor, STATUS_BREAKPOINT, processor.registers.rip, []);
  }

  #makeKernel(): Kernel {
    const kernel = new Kernel(this.#options);
    kernel.onPrint = (text, processor) => void this.#print(text, processor);
    return kernel;
  }

  #processor(number: number): Processor {
    const slot = this.kernel.slots[number];
    if (slot === undefined) throw new Error(`no processor ${number}`);
    return slot.processor;
  }

  async #print(text: string, processor: number): Promise<void> {
    const payload = debugIo(0x3230, text, 0);
    new DataView(payload.buffer).setUint16(6, processor, true);
    await this.#link.transmit(PacketType.DebugIo, payload, RETRIES);
  }

  #schedule(): void {
    if (this.#ended || this.#scheduled !== undefined) return;
    this.#scheduled = setImmediate(() => {
      this.#scheduled = undefined;
      this.#run();
    });
  }

  /** A batch of instructions on all processors, unless the machine is stopped. */
  #run(): void {
    if (this.#stop !== undefined || this.#ended || this.#booting) return;
    for (let count = 0; count < BATCH && !this.isStopped; count++) {
      this.#turn = (this.#turn + 1) % this.kernel.slots.length;
      this.#breakIn();
      this.#step(this.#processor(this.#turn));
    }
    if (!this.isStopped) this.#schedule();
  }

  /** The clock interrupt's handler calls nt!DbgBreakPointWithStatus; here it comes at an instruction of the kernel. */
  #breakIn(): void {
    const processor = this.#processor(0);
    if (!this.#breakInWanted || processor.registers.cs !== KERNEL_CS) return;
    this.#breakInWanted = false;
    processor.push(processor.registers.rip);
    processor.registers.rip = this.kernel.address('ntoskrnl.exe', 'DbgBreakPointWithStatus');
  }

  #step(processor: Processor): void {
    const trap = this.kernel.step(processor.number);
    if (trap === undefined) return;
    switch (trap.kind) {
      case 'breakpoint':
        this.#exception(processor, STATUS_BREAKPOINT, trap.address, [0n]);
        return;
      case 'debug':
        processor.registers.eflags &= ~EFLAGS_TF;
        this.#exception(processor, STATUS_SINGLE_STEP, trap.address, []);
        return;
      case 'pageFault':
        this.#exception(processor, STATUS_ACCESS_VIOLATION, trap.address, [0n, trap.target]);
        return;
      case 'illegal':
        this.#exception(processor, STATUS_ILLEGAL_INSTRUCTION, trap.address, []);
        return;
    }
  }

  /** Both processors at once: the next instruction of the others, for a test that wants two stops in one moment. */
  stepAllOnce(): void {
    for (const { processor } of this.kernel.slots) this.#step(processor);
  }

  /** The next instruction of one processor, while the others stand. */
  stepOnce(number: number): void {
    this.#step(this.#processor(number));
  }

  #exception(processor: Processor, code: number, address: bigint, parameters: readonly bigint[]): void {
    if (this.#stop !== undefined) {
      this.#pending.push({ processor, code, address, parameters });
      return;
    }
    const report = this.#exceptionReport(processor, code, address, parameters);
    const resume = (handled: boolean): void => {
      // A fault that nobody handles would end a real machine; the model steps over what it met.
      if (!handled) processor.registers.rip += 1n;
      const next = this.#pending.shift();
      if (next === undefined) this.#schedule();
      else this.#exception(next.processor, next.code, next.address, next.parameters);
    };
    this.#enterStop({ report, processor, resume });
  }

  #exceptionReport(processor: Processor, code: number, address: bigint, parameters: readonly bigint[]): Uint8Array {
    const report = this.#report(STATE_EXCEPTION, processor, new Uint8Array(0));
    const view = new DataView(report.buffer);
    view.setUint32(32, code, true);
    view.setBigUint64(48, address, true);
    view.setUint32(56, parameters.length, true);
    parameters.forEach((value, index) => view.setBigUint64(64 + 8 * index, value, true));
    const second = code === STATUS_ACCESS_VIOLATION || code === STATUS_ILLEGAL_INSTRUCTION;
    view.setUint32(184, second ? 0 : 1, true);
    return report;
  }

  #report(state: number, processor: Processor, extra: Uint8Array): Uint8Array {
    const { registers } = processor;
    this.#requests.removeBreakpointsWithin(registers.rip, INSTRUCTION_BYTES);
    const report = new Uint8Array(REPORT_BYTES + extra.length);
    const view = new DataView(report.buffer);
    const instructions = processor.space.read(registers.rip, INSTRUCTION_BYTES);
    view.setUint32(0, state, true);
    view.setUint16(4, 6, true);
    view.setUint16(6, processor.number, true);
    view.setUint32(8, this.kernel.slots.length, true);
    view.setBigUint64(16, this.kernel.currentThread(processor.number).address, true);
    view.setBigUint64(24, registers.rip, true);
    view.setBigUint64(192, processor.dr6, true);
    view.setBigUint64(200, processor.dr7, true);
    view.setUint32(208, registers.eflags, true);
    view.setUint16(212, instructions.length, true);
    view.setUint16(214, 3, true);
    report.set(instructions, 216);
    view.setUint16(232, registers.cs, true);
    view.setUint16(234, 0x2b, true);
    view.setUint16(236, 0x2b, true);
    view.setUint16(238, 0x53, true);
    report.set(extra, REPORT_BYTES);
    return report;
  }

  #enterStop(stop: Stop, retries?: number, onGivenUp?: () => void): void {
    this.#stop = stop;
    this.#requests.newStop();
    this.#link.listening = true;
    void this.#link.transmit(PacketType.StateChange64, stop.report, retries).then((outcome) => {
      if (outcome === 'given up' && this.#stop === stop && onGivenUp !== undefined) {
        this.#stop = undefined;
        this.#link.listening = false;
        onGivenUp();
      }
    });
  }

  #reportAgain(): void {
    if (this.#stop !== undefined) void this.#link.transmit(PacketType.StateChange64, this.#stop.report);
  }

  #data(type: number, payload: Uint8Array): void {
    if (type === PacketType.DebugIo) {
      const answer = this.#promptAnswer;
      this.#promptAnswer = undefined;
      answer?.(payload);
    } else if (type === PacketType.FileIo) {
      this.#fileAnswer?.(payload);
    } else if (type === PacketType.StateManipulate && payload.length >= HEADER_BYTES) {
      this.#manipulate(payload);
    }
  }

  #manipulate(payload: Uint8Array): void {
    const stop = this.#stop;
    if (stop === undefined) return;
    const header = payload.slice(0, HEADER_BYTES);
    const view = new DataView(header.buffer);
    const api = view.getUint32(0, true);
    this.requests.set(api, (this.requests.get(api) ?? 0) + 1);
    switch (api) {
      case 0x3136:
        this.#continue(stop, view.getUint32(16, true));
        return;
      case 0x313c:
        this.#continue2(stop, view);
        return;
      case 0x313b:
        void this.reboot();
        return;
      case 0x3149:
        this.#stop = undefined;
        void this.bugCheck(0xe2, [0n, 0n, 0n, 0n]);
        return;
      case 0x3150:
        this.#switchProcessor(stop, view.getUint16(6, true));
        return;
      case 0x315a:
        return;
      default:
        this.#answer(api, view, payload.subarray(HEADER_BYTES), stop);
    }
  }

  #answer(api: number, view: DataView, data: Uint8Array, stop: Stop): void {
    const { status, data: more = new Uint8Array(0) } = this.#requests.answer(api, view, data, stop.processor);
    view.setUint16(4, 6, true);
    view.setUint32(8, status, true);
    const reply = new Uint8Array(HEADER_BYTES + more.length);
    reply.set(new Uint8Array(view.buffer), 0);
    reply.set(more, HEADER_BYTES);
    void this.#link.transmit(PacketType.StateManipulate, reply);
  }

  #switchProcessor(stop: Stop, number: number): void {
    const slot = this.kernel.slots[number];
    if (slot === undefined) return;
    const owner = stop.owner ?? stop;
    const report = this.#exceptionReport(slot.processor, STATUS_WAKE_SYSTEM_DEBUGGER, slot.processor.registers.rip, []);
    const back = (): void => {
      const again = this.#exceptionReport(
        owner.processor,
        STATUS_WAKE_SYSTEM_DEBUGGER,
        owner.processor.registers.rip,
        [],
      );
      this.#enterStop({ ...owner, report: again });
    };
    if (slot.processor === owner.processor) back();
    else this.#enterStop({ report, processor: slot.processor, owner, resume: back });
  }

  #continue2(stop: Stop, view: DataView): void {
    const status = view.getUint32(16, true);
    // A failure status: the trace flag and the debug register are not looked at.
    if ((status & 0x8000_0000) === 0) {
      if (view.getUint32(20, true) !== 0) stop.processor.registers.eflags |= EFLAGS_TF;
      const dr7 = view.getBigUint64(24, true);
      for (const { processor } of this.kernel.slots) {
        if (this.#options.continuesDr7Alone === true && processor !== stop.processor) continue;
        processor.dr7 = dr7;
        processor.dr6 = 0xffff_0ff0n;
      }
    }
    this.#continue(stop, status);
  }

  #continue(stop: Stop, status: number): void {
    this.#stop = undefined;
    if (stop.owner === undefined) this.#link.listening = false;
    stop.resume((status & 0x8000_0000) === 0);
  }
}

function debugIo(api: number, text: string, room: number): Uint8Array {
  const encoded = new TextEncoder().encode(text);
  const payload = new Uint8Array(16 + encoded.length);
  const view = new DataView(payload.buffer);
  view.setUint32(0, api, true);
  view.setUint16(4, 6, true);
  view.setUint32(8, encoded.length, true);
  view.setUint32(12, room, true);
  payload.set(encoded, 16);
  return payload;
}
