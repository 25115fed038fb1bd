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
import { type Fact, type Localize, unavailableFact } from './facts.js';
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

const MAX_LINES = 20;
const SOURCES = [
  EventsysSource.Hand,
  EventsysSource.TimerDpc,
  EventsysSource.Worker,
  EventsysSource.Completion,
  EventsysSource.Buffer,
] as const;

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** Nothing when there is no such service: the view says what leads on. */
export function driverFacts(account: DriverAccount, t: Localize): Fact[] {
  const { service, serviceName, stoppedKernel } = account;
  if (stoppedKernel !== undefined) return kernelDriverFacts(serviceName, stoppedKernel.driver, t);
  if (service === undefined) return [];
  const facts = [serviceFact(account, service, t)];
  if (service.state === 'running') {
    facts.push(imageFact(account, t), ...deviceFacts(account, t), dispatchFact(account, t));
  }
  facts.push(...stateFacts(account, t));
  if (account.lines.length > 0) facts.push(dbgPrintFact(account.lines, t));
  return facts;
}

/** As the service control manager tells it. */
const serviceWords = (state: ServiceStatus['state'], t: Localize): string =>
  state === 'running' ? t('running') : state === 'stopped' ? t('stopped') : state;

/** By SERVICE_*_START of winsvc.h. */
const startWords = (startType: number, t: Localize): string =>
  [t('boot'), t('system'), t('automatic'), t('on demand'), t('disabled')][startType] ?? String(startType);

function serviceFact({ serviceName }: DriverAccount, service: ServiceStatus, t: Localize): Fact {
  const running = service.state === 'running';
  const failed = service.state === 'stopped' && service.win32ExitCode !== 0;
  const end = describeWin32Error(service.win32ExitCode);
  const { loadOrderGroup } = service;
  return {
    id: 'service',
    label: serviceName,
    value: serviceWords(service.state, t),
    icon: running ? 'pass' : failed ? 'error' : 'circle-outline',
    context: running ? 'driverRunning' : 'driverStopped',
    ...(failed ? { tooltip: t('Last end: {0}', end) } : {}),
    children: [
      { id: 'service-path', label: t('Binary'), value: service.binaryPath, icon: 'file-binary' },
      { id: 'service-start', label: t('Starts'), value: startWords(service.startType, t), icon: 'play' },
      ...(loadOrderGroup === ''
        ? []
        : [{ id: 'service-group', label: t('Load-order group'), value: loadOrderGroup, icon: 'list-ordered' }]),
      ...(failed ? [{ id: 'service-exit', label: t('Last end'), value: end, icon: 'error' }] : []),
    ],
  };
}

function imageFact({ image, onWine }: DriverAccount, t: Localize): Fact {
  const fact = { id: 'image', label: t('Image'), icon: 'package' };
  const unavailable = (why: string): Fact => unavailableFact(t, fact.id, fact.label, fact.icon, why);
  if (image === undefined) return unavailable(t('it is loaded in no process that the agent may look into'));
  const { base, process, size } = image;
  if (isUnavailable(base)) return unavailable(base.unavailable);
  const where = onWine
    ? t('at {0} in {1}', hex(base), `winedevice.exe (${process})`)
    : t('at {0} in the kernel', hex(base));
  return { ...fact, value: size === 0 ? where : t('{0}, {1} bytes', where, size) };
}

function deviceFacts({ device, linkTarget }: DriverAccount, t: Localize): Fact[] {
  if (device === undefined) {
    const why = t('the project names no device of the driver');
    return [unavailableFact(t, 'device', t('Devices'), 'circuit-board', why)];
  }
  const name = device.slice('\\\\.\\'.length);
  const link = { name, typeName: 'SymbolicLink', path: `\\??\\${name}` };
  if (linkTarget === undefined) {
    return [{ id: 'link', label: t('Symbolic link'), value: t('{0} is not there', link.path), icon: 'warning' }];
  }
  const target = { name: linkTarget.split('\\').at(-1) ?? linkTarget, typeName: 'Device', path: linkTarget };
  return [
    {
      id: 'device',
      label: t('Device'),
      value: linkTarget,
      icon: 'circuit-board',
      context: 'object device',
      object: target,
    },
    {
      id: 'link',
      label: t('Symbolic link'),
      value: `${link.path} -> ${linkTarget}`,
      tooltip: t('Applications open it as {0}', device),
      icon: 'link',
      context: 'object symboliclink',
      object: link,
    },
  ];
}

function dispatchFact({ onWine }: DriverAccount, t: Localize): Fact {
  const why = onWine
    ? t(
        "a driver's dispatch table is in the memory of its host process, and Wine tells no address of the driver object",
      )
    : t('the dispatch table is in kernel memory: connect a kernel debugger to see it');
  return unavailableFact(t, 'dispatch', t('Dispatch entries'), 'list-selection', why);
}

function stateFacts({ service, state, stateFailure }: DriverAccount, t: Localize): Fact[] {
  if (service?.state !== 'running') return [];
  if (state === undefined) {
    const why = stateFailure ?? t('the driver does not tell its state');
    return [unavailableFact(t, 'state', t('Shared events'), 'bell', why)];
  }
  return [
    eventsFact(state, t),
    requestsFact(state, t),
    schedulesFact(state, t),
    buffersFact(state, t),
    countersFact(state, t),
  ];
}

function groupOf(
  t: Localize,
  group: { readonly id: string; readonly label: string; readonly icon: string; readonly expanded?: boolean },
  children: readonly Fact[],
): Fact {
  return { ...group, value: children.length === 0 ? t('none') : String(children.length), children };
}

function eventsFact({ events }: EventsysState, t: Localize): Fact {
  const group = { id: 'events', label: t('Shared events'), icon: 'bell', expanded: true };
  return groupOf(
    t,
    group,
    events.map((event) => eventFact(event, t)),
  );
}

function eventFact(event: EventsysEventState, t: Localize): Fact {
  const { id, method, type, name, signals, coalesced, resets, references, ownerProcess, object } = event;
  const sources = SOURCES.filter((source) => event.bySource[source] > 0n).map(
    (source) => `${SOURCE_WORDS[source]} ${event.bySource[source].toString()}`,
  );
  const shown = name === '' ? t('Event {0}', id) : (name.split('\\').at(-1) ?? name);
  const by = METHOD_WORDS[method];
  return {
    id: `event-${id}`,
    label: shown,
    value: t('{0} · {1} · {2} signals', by, TYPE_WORDS[type], signals.toString()),
    icon: 'bell',
    ...(name === '' ? {} : { context: 'object event', object: { name: shown, typeName: 'Event', path: name } }),
    children: [
      { id: `event-${id}-method`, label: t('Shared by'), value: by, icon: 'arrow-swap' },
      ...(name === '' ? [] : [{ id: `event-${id}-name`, label: t('Name'), value: name, icon: 'tag' }]),
      { id: `event-${id}-process`, label: t('Process'), value: String(ownerProcess), icon: 'vm' },
      {
        id: `event-${id}-signals`,
        label: t('Signals'),
        value: t('{0}, of which {1} found it signaled already', signals.toString(), coalesced.toString()),
        ...(sources.length === 0 ? {} : { tooltip: sources.join('\n') }),
        icon: 'bell-dot',
      },
      { id: `event-${id}-resets`, label: t('Resets'), value: resets.toString(), icon: 'bell-slash' },
      { id: `event-${id}-references`, label: t('References'), value: String(references), icon: 'references' },
      object === 0n
        ? unavailableFact(
            t,
            `event-${id}-object`,
            t('Object'),
            'symbol-reference',
            t('the driver tells kernel addresses to holders of SeDebugPrivilege alone'),
          )
        : { id: `event-${id}-object`, label: t('Object'), value: hex(object), icon: 'symbol-reference' },
    ],
  };
}

function requestsFact({ requests }: EventsysState, t: Localize): Fact {
  const facts = requests.map(({ requestId, ageMs, ownerProcess }: EventsysRequestState): Fact => ({
    id: `request-${requestId.toString()}`,
    label: t('Request {0}', requestId.toString()),
    value: t('pended for {0} ms by process {1}', ageMs.toString(), ownerProcess),
    icon: 'clock',
  }));
  return groupOf(t, { id: 'requests', label: t('Pended requests'), icon: 'inbox' }, facts);
}

function schedulesFact({ schedules }: EventsysState, t: Localize): Fact {
  const facts = schedules.map((schedule: EventsysScheduleState): Fact => {
    const { id, source, state, periodMs, ticks, eventId, missed, count } = schedule;
    const signaled = eventId === 0 ? t('Signals a pended request') : t('Signals event {0}', eventId);
    return {
      id: `schedule-${id}`,
      label: `${SOURCE_WORDS[source]} ${id}`,
      value: t('{0} · every {1} ms · {2} of {3} ticks', SCHEDULE_STATE_WORDS[state], periodMs, ticks, count),
      tooltip: t('{0}; ticks missed: {1}', signaled, missed),
      icon: 'watch',
    };
  });
  return groupOf(t, { id: 'schedules', label: t('Timers and workers'), icon: 'watch' }, facts);
}

function buffersFact({ buffers }: EventsysState, t: Localize): Fact {
  const facts = buffers.map(({ id, bufferBytes, rounds, ownerProcess, workEventId, doneEventId, thread }): Fact => ({
    id: `buffer-${id}`,
    label: t('Buffer {0}', id),
    value: t('{0} bytes · {1} rounds', bufferBytes, rounds.toString()),
    tooltip: t(
      'Work is event {0}, done is event {1}; system thread {2}, process {3}',
      workEventId,
      doneEventId,
      thread,
      ownerProcess,
    ),
    icon: 'database',
  }));
  return groupOf(t, { id: 'buffers', label: t('Shared buffers'), icon: 'database' }, facts);
}

function countersFact({ totals, trace }: EventsysState, t: Localize): Fact {
  const of = (id: string, label: string, value: string, icon = 'symbol-number'): Fact => ({
    id: `counter-${id}`,
    label,
    value,
    icon,
  });
  const signals = totals.signals.toString();
  const { requestsPended, requestsNotified, requestsCancelled } = totals;
  const requests = [requestsPended, requestsNotified, requestsCancelled].map(String);
  const recorded = [trace.written.toString(), trace.lost.toString()];
  return {
    id: 'counters',
    label: t('Counters'),
    value: t('{0} signals', signals),
    icon: 'graph',
    children: [
      of('files', t('Open files'), String(totals.files)),
      of('references', t('Object references'), String(totals.objectReferences)),
      of('handles', t('Handles'), String(totals.handles)),
      of('allocations', t('Allocations'), String(totals.allocations)),
      of('signals', t('Signals'), t('{0}, of which {1} were coalesced', signals, totals.coalesced.toString())),
      of('requests', t('Requests'), t('{0} pended, {1} completed, {2} cancelled', ...requests)),
      of('refused', t('Refused calls'), totals.ioctlsRefused.toString()),
      of(
        'trace',
        t('Trace'),
        trace.enabled ? t('on, {0} written, {1} lost', ...recorded) : t('off, {0} written, {1} lost', ...recorded),
        'pulse',
      ),
    ],
  };
}

function dbgPrintFact(lines: readonly DbgPrintLine[], t: Localize): Fact {
  const last = lines.slice(-MAX_LINES);
  return {
    id: 'dbgprint',
    label: 'DbgPrint',
    value: t('last lines'),
    icon: 'output',
    children: last.map(({ utcMs, text }, index): Fact => ({
      id: `dbgprint-${lines.length - last.length + index}`,
      label: text,
      value: new Date(utcMs).toISOString().slice(11, 23),
      icon: 'dash',
    })),
  };
}
