/** The Driver view: what the service control manager, the object manager and the driver itself tell of it. */
import { describeWin32Error } from '../../machine/status.js';
import type { ServiceStatus, Unavailable } from '../../protocol/agent-rpc.js';
import {
  type EventsysEventState,
  type EventsysRequestState,
  type EventsysScheduleState,
  EventsysSource,
  type EventsysState,
} from '../../protocol/eventsys-ioctl.js';
import type { DriverObject } from '../../protocol/kernel-views.js';
import { METHOD_WORDS, SCHEDULE_STATE_WORDS, SOURCE_WORDS, TYPE_WORDS } from '../../target/driver-words.js';
import { isUnavailable } from '../../target/object-text.js';
import type { DbgPrintLine } from '../../target/target.js';
import { type Fact, unavailableFact } from './facts.js';
import { kernelDriverFacts } from './kernel-driver-facts.js';

export interface DriverAccount {
  readonly name: string;
  readonly serviceName: string;
  /** Win32 path, such as \\.\EventSys. */
  readonly device: string | undefined;
  readonly onWine: boolean;
  readonly service: ServiceStatus | undefined;
  readonly image: { readonly process: number; readonly base: bigint | Unavailable; readonly size: number } | undefined;
  readonly state: EventsysState | undefined;
  readonly stateFailure: string | undefined;
  readonly linkTarget: string | undefined;
  readonly lines: readonly DbgPrintLine[];
  /** The machine is stopped in the kernel debugger: nothing but this is known. driver: undefined when it is not loaded. */
  readonly stoppedKernel?: { readonly driver: DriverObject | undefined };
}

const START_TYPES = ['boot', 'system', 'automatic', 'on demand', 'disabled'];
const MAX_LINES = 20;
const SOURCES = [
  EventsysSource.Hand,
  EventsysSource.TimerDpc,
  EventsysSource.Worker,
  EventsysSource.Completion,
  EventsysSource.Buffer,
] as const;

const hex = (value: bigint): string => `0x${value.toString(16)}`;
const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;

/** Nothing when there is no such service: the view says what leads on. */
export function driverFacts(account: DriverAccount): Fact[] {
  const { service, serviceName, stoppedKernel } = account;
  if (stoppedKernel !== undefined) return kernelDriverFacts(serviceName, stoppedKernel.driver);
  if (service === undefined) return [];
  const facts = [serviceFact(account, service)];
  if (service.state === 'running') facts.push(imageFact(account), ...deviceFacts(account), dispatchFact(account));
  facts.push(...stateFacts(account));
  if (account.lines.length > 0) facts.push(dbgPrintFact(account.lines));
  return facts;
}

function serviceFact({ serviceName }: DriverAccount, service: ServiceStatus): Fact {
  const running = service.state === 'running';
  const failed = service.state === 'stopped' && service.win32ExitCode !== 0;
  return {
    id: 'service',
    label: serviceName,
    value: service.state,
    icon: running ? 'pass' : failed ? 'error' : 'circle-outline',
    context: running ? 'driverRunning' : 'driverStopped',
    ...(failed ? { tooltip: `Last end: ${describeWin32Error(service.win32ExitCode)}` } : {}),
    children: [
      { id: 'service-path', label: 'Binary', value: service.binaryPath, icon: 'file-binary' },
      {
        id: 'service-start',
        label: 'Starts',
        value: START_TYPES[service.startType] ?? String(service.startType),
        icon: 'play',
      },
      ...(service.loadOrderGroup === ''
        ? []
        : [{ id: 'service-group', label: 'Load-order group', value: service.loadOrderGroup, icon: 'list-ordered' }]),
      ...(failed
        ? [{ id: 'service-exit', label: 'Last end', value: describeWin32Error(service.win32ExitCode), icon: 'error' }]
        : []),
    ],
  };
}

function imageFact({ image, onWine }: DriverAccount): Fact {
  if (image === undefined)
    return unavailableFact('image', 'Image', 'package', 'it is loaded in no process that the agent may look into');
  const { base, process, size } = image;
  if (isUnavailable(base)) return unavailableFact('image', 'Image', 'package', base.unavailable);
  const where = onWine ? `in winedevice.exe (${process})` : 'in the kernel';
  const length = size === 0 ? '' : `, ${size} bytes`;
  return { id: 'image', label: 'Image', value: `at ${hex(base)} ${where}${length}`, icon: 'package' };
}

function deviceFacts({ device, linkTarget }: DriverAccount): Fact[] {
  if (device === undefined) {
    return [unavailableFact('device', 'Devices', 'circuit-board', 'the project names no device of the driver')];
  }
  const name = device.slice('\\\\.\\'.length);
  const link = { name, typeName: 'SymbolicLink', path: `\\??\\${name}` };
  if (linkTarget === undefined) {
    return [{ id: 'link', label: 'Symbolic link', value: `${link.path} is not there`, icon: 'warning' }];
  }
  const target = { name: linkTarget.split('\\').at(-1) ?? linkTarget, typeName: 'Device', path: linkTarget };
  return [
    {
      id: 'device',
      label: 'Device',
      value: linkTarget,
      icon: 'circuit-board',
      context: 'object device',
      object: target,
    },
    {
      id: 'link',
      label: 'Symbolic link',
      value: `${link.path} -> ${linkTarget}`,
      tooltip: `Applications open it as ${device}`,
      icon: 'link',
      context: 'object symboliclink',
      object: link,
    },
  ];
}

function dispatchFact({ onWine }: DriverAccount): Fact {
  const why = onWine
    ? "a driver's dispatch table is in the memory of its host process, and Wine tells no address of the driver object"
    : 'the dispatch table is in kernel memory: connect a kernel debugger to see it';
  return unavailableFact('dispatch', 'Dispatch entries', 'list-selection', why);
}

function stateFacts({ service, state, stateFailure }: DriverAccount): Fact[] {
  if (service?.state !== 'running') return [];
  if (state === undefined) {
    return [unavailableFact('state', 'Shared events', 'bell', stateFailure ?? 'the driver does not tell its state')];
  }
  return [eventsFact(state), requestsFact(state), schedulesFact(state), buffersFact(state), countersFact(state)];
}

const groupOf = (id: string, label: string, icon: string, children: readonly Fact[], expanded = false): Fact => ({
  id,
  label,
  value: children.length === 0 ? 'none' : String(children.length),
  icon,
  children,
  expanded,
});

function eventsFact({ events }: EventsysState): Fact {
  return groupOf('events', 'Shared events', 'bell', events.map(eventFact), true);
}

function eventFact(event: EventsysEventState): Fact {
  const { id, method, type, name, signals, coalesced, resets, references, ownerProcess, object } = event;
  const sources = SOURCES.filter((source) => event.bySource[source] > 0n).map(
    (source) => `${SOURCE_WORDS[source]} ${event.bySource[source].toString()}`,
  );
  const shown = name === '' ? `Event ${id}` : (name.split('\\').at(-1) ?? name);
  const by = METHOD_WORDS[method];
  return {
    id: `event-${id}`,
    label: shown,
    value: `${by} · ${TYPE_WORDS[type]} · ${signals.toString()} signals`,
    icon: 'bell',
    ...(name === '' ? {} : { context: 'object event', object: { name: shown, typeName: 'Event', path: name } }),
    children: [
      { id: `event-${id}-method`, label: 'Shared by', value: by, icon: 'arrow-swap' },
      ...(name === '' ? [] : [{ id: `event-${id}-name`, label: 'Name', value: name, icon: 'tag' }]),
      { id: `event-${id}-process`, label: 'Process', value: String(ownerProcess), icon: 'vm' },
      {
        id: `event-${id}-signals`,
        label: 'Signals',
        value: `${signals.toString()}, of which ${coalesced.toString()} found it signaled already`,
        ...(sources.length === 0 ? {} : { tooltip: sources.join('\n') }),
        icon: 'bell-dot',
      },
      { id: `event-${id}-resets`, label: 'Resets', value: resets.toString(), icon: 'bell-slash' },
      { id: `event-${id}-references`, label: 'References', value: String(references), icon: 'references' },
      object === 0n
        ? unavailableFact(
            `event-${id}-object`,
            'Object',
            'symbol-reference',
            'the driver tells kernel addresses to holders of SeDebugPrivilege alone',
          )
        : { id: `event-${id}-object`, label: 'Object', value: hex(object), icon: 'symbol-reference' },
    ],
  };
}

function requestsFact({ requests }: EventsysState): Fact {
  const facts = requests.map(({ requestId, ageMs, ownerProcess }: EventsysRequestState): Fact => ({
    id: `request-${requestId.toString()}`,
    label: `Request ${requestId.toString()}`,
    value: `pended for ${ageMs.toString()} ms by process ${ownerProcess}`,
    icon: 'clock',
  }));
  return groupOf('requests', 'Pended requests', 'inbox', facts);
}

function schedulesFact({ schedules }: EventsysState): Fact {
  const facts = schedules.map((schedule: EventsysScheduleState): Fact => {
    const { id, source, state, periodMs, ticks, eventId, missed } = schedule;
    return {
      id: `schedule-${id}`,
      label: `${SOURCE_WORDS[source]} ${id}`,
      value: `${SCHEDULE_STATE_WORDS[state]} · every ${periodMs} ms · ${ticks} of ${schedule.count} ticks`,
      tooltip: `Signals ${eventId === 0 ? 'a pended request' : `event ${eventId}`}; ${count(missed, 'tick')} missed`,
      icon: 'watch',
    };
  });
  return groupOf('schedules', 'Timers and workers', 'watch', facts);
}

function buffersFact({ buffers }: EventsysState): Fact {
  const facts = buffers.map(({ id, bufferBytes, rounds, ownerProcess, workEventId, doneEventId, thread }): Fact => ({
    id: `buffer-${id}`,
    label: `Buffer ${id}`,
    value: `${bufferBytes} bytes · ${rounds.toString()} rounds`,
    tooltip: `Work is event ${workEventId}, done is event ${doneEventId}; system thread ${thread}, process ${ownerProcess}`,
    icon: 'database',
  }));
  return groupOf('buffers', 'Shared buffers', 'database', facts);
}

function countersFact({ totals, trace }: EventsysState): Fact {
  const of = (id: string, label: string, value: string, icon = 'symbol-number'): Fact => ({
    id: `counter-${id}`,
    label,
    value,
    icon,
  });
  return {
    id: 'counters',
    label: 'Counters',
    value: `${totals.signals.toString()} signals`,
    icon: 'graph',
    children: [
      of('files', 'Open files', String(totals.files)),
      of('references', 'Object references', String(totals.objectReferences)),
      of('handles', 'Handles', String(totals.handles)),
      of('allocations', 'Allocations', String(totals.allocations)),
      of('signals', 'Signals', `${totals.signals.toString()}, of which ${totals.coalesced.toString()} were coalesced`),
      of(
        'requests',
        'Requests',
        `${totals.requestsPended.toString()} pended, ${totals.requestsNotified.toString()} completed, ${totals.requestsCancelled.toString()} cancelled`,
      ),
      of('refused', 'Refused calls', totals.ioctlsRefused.toString()),
      of(
        'trace',
        'Trace',
        `${trace.enabled ? 'on' : 'off'}, ${trace.written.toString()} written, ${trace.lost.toString()} lost`,
        'pulse',
      ),
    ],
  };
}

function dbgPrintFact(lines: readonly DbgPrintLine[]): Fact {
  const last = lines.slice(-MAX_LINES);
  return {
    id: 'dbgprint',
    label: 'DbgPrint',
    value: 'last lines',
    icon: 'output',
    children: last.map(({ utcMs, text }, index): Fact => ({
      id: `dbgprint-${lines.length - last.length + index}`,
      label: text,
      value: new Date(utcMs).toISOString().slice(11, 23),
      icon: 'dash',
    })),
  };
}
