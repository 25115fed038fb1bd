/** `eventscope kd`: a kernel over the KD protocol, looked at from a terminal. The machine is stopped meanwhile and goes on afterwards. */
import { KdEngine } from '../../debug-adapter/kd/kd-engine.js';
import { KERNEL_SPACE } from '../../debug-adapter/kd/kernel-inventory.js';
import { KernelViews } from '../../debug-adapter/kd/kernel-views.js';
import { millisecondsSince, readTickClock, sinceWords, type TickClock } from '../../debug-adapter/kd/nt/tick-clock.js';
import { openCarrier, openReplay } from '../../debug-adapter/kd/open-target.js';
import { machineName } from '../../debug-adapter/kd/protocol/version.js';
import { describePacket } from '../../debug-adapter/kd/describe-packet.js';
import { decodeRecording, readRecording, SessionRecorder } from '../../debug-adapter/kd/replay/recording.js';
import { EventscopeError } from '../../protocol/errors.js';
import { counted } from '../../trace/wording.js';
import { ExitCode } from '../exit-code.js';
import type { Session } from '../session.js';
import { formatTable } from '../table.js';

export interface KdOptions {
  /** Where the target is: unix:, pipe:, tcp:, serial: or net:. */
  readonly connect?: string;
  /** A recording that stands for a target. */
  readonly replay?: string;
  /** Writes the session to this file. */
  readonly record?: string;
}

const hex = (value: bigint): string => `0x${value.toString(16).padStart(16, '0')}`;

async function withEngine(
  session: Session,
  options: KdOptions,
  look: (engine: KdEngine) => Promise<void>,
): Promise<ExitCode> {
  const { signal } = session.operation;
  if ((options.connect === undefined) === (options.replay === undefined)) {
    throw new EventscopeError({
      id: 'debug.kdAddress',
      what: 'No target was named',
      next: 'Give either --connect ADDRESS or --replay FILE',
    });
  }
  const target = options.connect ?? options.replay ?? '';
  const recorder =
    options.record === undefined
      ? undefined
      : new SessionRecorder(options.record, { target: target.replace(/key=[^,]*/, 'key=') });
  const replay = options.replay === undefined ? undefined : await openReplay(options.replay);
  const carrier = replay?.carrier ?? openCarrier(target, recorder?.tap);
  const engine = new KdEngine({
    carrier,
    target: carrier.description,
    log: (line) => session.operation.progress(line),
  });
  try {
    session.operation.progress(`Waiting for ${carrier.description}`);
    await engine.attach(signal);
    await look(engine);
  } finally {
    // Also after a failure: the machine was running before, and goes on.
    await engine.detach();
    replay?.target.close();
    await recorder?.close();
  }
  const unanswered = replay?.target.counts.unanswered ?? 0;
  if (unanswered > 0) session.operation.progress(`The recording had no answer to ${unanswered} requests`);
  return ExitCode.Done;
}

export function kdVersionCommand(session: Session, options: KdOptions): Promise<ExitCode> {
  return withEngine(session, options, async (engine) => {
    const { version, layout, debuggerData } = engine.inventory;
    if (version === undefined) return Promise.resolve();
    const facts = {
      machine: machineName(version.machineType),
      build: version.buildNumber,
      protocol: version.protocolVersion,
      kernelBase: version.kernelBase,
      debuggerData: debuggerData?.size ?? 0,
      processors: engine.client.stop?.processorCount ?? 0,
      layout: layout.provenance,
    };
    session.print(facts, () =>
      [
        `build ${facts.build}, ${facts.machine}, ${facts.processors} processors, KD protocol ${facts.protocol}`,
        `kernel at ${hex(facts.kernelBase)}, debugger data ${facts.debuggerData} bytes`,
        `fields known from: PDB ${facts.layout.pdb}, debugger data ${facts.layout['debugger data']}, table ${facts.layout.table}`,
      ].join('\n'),
    );
    return Promise.resolve();
  });
}

export function kdModulesCommand(session: Session, options: KdOptions): Promise<ExitCode> {
  return withEngine(session, options, (engine) => {
    const modules = engine.modules(KERNEL_SPACE);
    session.print({ modules }, () =>
      formatTable(modules, [
        { title: 'BASE', text: (module) => hex(module.base) },
        { title: 'SIZE', align: 'right', text: (module) => String(module.size) },
        { title: 'NAME', text: (module) => module.name },
      ]),
    );
    return Promise.resolve();
  });
}

interface ThreadRow {
  readonly process: string;
  readonly processId: number;
  readonly threadId: number;
  readonly name: string;
  readonly state: string;
  readonly waits: string;
  /** Not there: it does not wait, or the kernel tells no time. */
  readonly waitsForMs?: number | undefined;
  readonly waitsFor?: string | undefined;
}

const waited = (clock: TickClock, tick: number): Pick<ThreadRow, 'waitsForMs' | 'waitsFor'> => ({
  waitsForMs: millisecondsSince(clock, tick),
  waitsFor: sinceWords(clock, tick),
});

export function kdThreadsCommand(session: Session, options: KdOptions): Promise<ExitCode> {
  return withEngine(session, options, async (engine) => {
    const rows: ThreadRow[] = [];
    const clock = await readTickClock(engine.inventory.reader, engine.inventory.debuggerData);
    for (const process of await engine.inventory.listProcesses()) {
      for (const thread of await engine.inventory.listThreads(process)) {
        rows.push({
          process: process.name,
          processId: process.processId,
          threadId: thread.threadId,
          name: thread.name ?? '',
          state: thread.state,
          waits: thread.waitReason ?? '',
          ...(clock === undefined || thread.waitTime === undefined ? {} : waited(clock, thread.waitTime)),
        });
      }
    }
    session.print({ threads: rows }, () =>
      formatTable(rows, [
        { title: 'PROCESS', text: (row) => row.process },
        { title: 'PID', align: 'right', text: (row) => String(row.processId) },
        { title: 'TID', align: 'right', text: (row) => String(row.threadId) },
        { title: 'STATE', text: (row) => row.state },
        { title: 'WAIT REASON', text: (row) => row.waits },
        { title: 'FOR', align: 'right', text: (row) => row.waitsFor ?? '' },
        { title: 'NAME', text: (row) => row.name },
      ]),
    );
  });
}

/** A directory's entries; of another object its state, its counts and who waits for it. */
export function kdObjectsCommand(session: Session, path: string, options: KdOptions): Promise<ExitCode> {
  return withEngine(session, options, async (engine) => {
    const objects = await (await engine.inventory.namespace()).list(path);
    if (objects === undefined) {
      await printObject(session, engine, path);
      return;
    }
    session.print({ path, objects }, () =>
      formatTable(objects, [
        { title: 'TYPE', text: (object) => object.typeName ?? '?' },
        { title: 'NAME', text: (object) => object.name },
        { title: 'ADDRESS', text: (object) => hex(object.address) },
        { title: 'HANDLES', align: 'right', text: (object) => String(object.handleCount) },
      ]),
    );
  });
}

async function printObject(session: Session, engine: KdEngine, path: string): Promise<void> {
  const [object] = await new KernelViews(engine).query([path], session.operation.signal);
  if (object === undefined) {
    throw new EventscopeError({
      id: 'debug.noObject',
      what: `There is no directory or object ${path}`,
      target: engine.target,
      next: 'Begin at \\ and go down',
    });
  }
  const { typeName, address, handleCount, pointerCount, state, waiters, linkTarget } = object;
  const facts = Object.entries(state ?? {}).filter(([name]) => name !== 'type');
  const words = facts.map(([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : value}`);
  session.print({ path, object }, () =>
    [
      `${typeName} at ${address}, ${counted(handleCount, 'handle')}, ${counted(pointerCount, 'reference')}`,
      ...(words.length === 0 ? [] : [words.join(', ')]),
      ...(linkTarget === undefined ? [] : [`link to ${linkTarget}`]),
      ...waiters.map((waiter) => `waiter: ${waiter}`),
    ].join('\n'),
  );
}

export function kdMemoryCommand(
  session: Session,
  address: bigint,
  length: number,
  options: KdOptions,
): Promise<ExitCode> {
  return withEngine(session, options, async (engine) => {
    const [bytes] = await engine.readMemory(KERNEL_SPACE, [{ address, length }]);
    if (bytes === undefined) {
      throw new EventscopeError({
        id: 'debug.memory',
        what: `Memory at ${hex(address)} cannot be read`,
        target: engine.target,
        why: 'its page is not in memory, or there is none',
      });
    }
    session.print({ address, bytes }, () => hexDump(address, bytes));
  });
}

function hexDump(address: bigint, bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const digits = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${hex(address + BigInt(at))}  ${digits.padEnd(47)}  ${text}`);
  }
  return lines.join('\n');
}

/** Every packet of a recording in words. */
export async function kdDecodeCommand(session: Session, file: string): Promise<ExitCode> {
  const recording = await decodeRecording(readRecording(file));
  const packets = recording.packets.map(({ time, direction, packet }) => ({
    time,
    direction,
    text: packet === 'break-in' ? 'break-in' : describePacket(packet, direction).text,
  }));
  const { noise, damaged, unfinished } = recording;
  session.print({ packets, noise, damaged, unfinished }, () =>
    [
      ...packets.map(({ time, direction, text }) => `${time.toFixed(6)} ${direction.padEnd(6)} ${text}`),
      `${packets.length} packets, ${noise} bytes of noise, ${damaged} damaged, ${unfinished} bytes unfinished`,
    ].join('\n'),
  );
  return ExitCode.Done;
}
