import type { EventsysState } from '../../protocol/eventsys-ioctl.js';
import { queryDriverState } from '../../target/driver-state.js';
import { METHOD_WORDS, SCHEDULE_STATE_WORDS, SOURCE_WORDS, TYPE_WORDS } from '../../target/driver-words.js';
import { ExitCode } from '../exit-code.js';
import type { Session } from '../session.js';
import { formatTable } from '../table.js';

const hex = (value: bigint): string => (value === 0n ? '-' : `0x${value.toString(16)}`);
const right = 'right' as const;

function describeEvents({ events }: EventsysState): string {
  return formatTable(events, [
    { title: 'EVENT', align: right, text: (event) => String(event.id) },
    { title: 'SHARED BY', text: (event) => METHOD_WORDS[event.method] },
    { title: 'TYPE', text: (event) => TYPE_WORDS[event.type] },
    { title: 'PROCESS', align: right, text: (event) => String(event.ownerProcess) },
    { title: 'OBJECT', text: (event) => hex(event.object) },
    { title: 'SIGNALS', align: right, text: (event) => event.signals.toString() },
    { title: 'COALESCED', align: right, text: (event) => event.coalesced.toString() },
    { title: 'RESETS', align: right, text: (event) => event.resets.toString() },
    { title: 'REFERENCES', align: right, text: (event) => String(event.references) },
    { title: 'NAME', text: (event) => event.name },
  ]);
}

function describeSchedules({ schedules }: EventsysState): string {
  return formatTable(schedules, [
    { title: 'SCHEDULE', align: right, text: (schedule) => String(schedule.id) },
    { title: 'FROM', text: (schedule) => SOURCE_WORDS[schedule.source] },
    { title: 'STATE', text: (schedule) => SCHEDULE_STATE_WORDS[schedule.state] },
    { title: 'EVENT', align: right, text: (schedule) => (schedule.eventId === 0 ? '-' : String(schedule.eventId)) },
    { title: 'PROCESS', align: right, text: (schedule) => String(schedule.ownerProcess) },
    { title: 'PERIOD', align: right, text: (schedule) => `${schedule.periodMs} ms` },
    { title: 'TICKS', align: right, text: (schedule) => `${schedule.ticks} of ${schedule.count}` },
    { title: 'SIGNALS', align: right, text: (schedule) => String(schedule.signals) },
    { title: 'MISSED', align: right, text: (schedule) => String(schedule.missed) },
  ]);
}

function describeRequests({ requests }: EventsysState): string {
  return formatTable(requests, [
    { title: 'REQUEST', align: right, text: (request) => request.requestId.toString() },
    { title: 'IRP', text: (request) => hex(request.irp) },
    { title: 'PROCESS', align: right, text: (request) => String(request.ownerProcess) },
    { title: 'PENDED FOR', align: right, text: (request) => `${request.ageMs.toString()} ms` },
  ]);
}

function describeBuffers({ buffers }: EventsysState): string {
  return formatTable(buffers, [
    { title: 'BUFFER', align: right, text: (buffer) => String(buffer.id) },
    { title: 'WORK', align: right, text: (buffer) => String(buffer.workEventId) },
    { title: 'DONE', align: right, text: (buffer) => String(buffer.doneEventId) },
    { title: 'PROCESS', align: right, text: (buffer) => String(buffer.ownerProcess) },
    { title: 'THREAD', align: right, text: (buffer) => String(buffer.thread) },
    { title: 'BYTES', align: right, text: (buffer) => String(buffer.bufferBytes) },
    { title: 'ROUNDS', align: right, text: (buffer) => buffer.rounds.toString() },
  ]);
}

function describeTotals({ totals, trace }: EventsysState): string {
  const { files, objectReferences, handles, allocations, signals, coalesced } = totals;
  return [
    `open files ${files}, object references ${objectReferences}, handles ${handles}, allocations ${allocations}`,
    `signals ${signals.toString()}, of which ${coalesced.toString()} found the event signaled already`,
    `requests pended ${totals.requestsPended.toString()}, completed ${totals.requestsNotified.toString()}, ` +
      `cancelled ${totals.requestsCancelled.toString()}; refused calls ${totals.ioctlsRefused.toString()}`,
    `trace ${trace.enabled ? 'on' : 'off'}: ${trace.ringCount} rings of ${trace.slotsPerRing} slots, ` +
      `written ${trace.written.toString()}, drained ${trace.drained.toString()}, lost ${trace.lost.toString()}`,
  ].join('\n');
}

/** The driver's state for people; lists that are empty are left out. */
export function describeDriverState(state: EventsysState): string {
  const parts: string[] = [];
  if (state.events.length > 0) parts.push(describeEvents(state));
  if (state.schedules.length > 0) parts.push(describeSchedules(state));
  if (state.requests.length > 0) parts.push(describeRequests(state));
  if (state.buffers.length > 0) parts.push(describeBuffers(state));
  if (parts.length === 0) parts.push('No event is shared now.');
  return [...parts, describeTotals(state)].join('\n\n');
}

/** `eventscope state` */
export async function stateCommand(session: Session): Promise<ExitCode> {
  const state = await session.connected(({ client, project }) => queryDriverState(client, project, session.operation));
  session.print(state, () => describeDriverState(state));
  return ExitCode.Done;
}
