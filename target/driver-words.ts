/** What the sample driver tells of itself, in words: for the tree and the command line alike. */
import { EventsysMethod, EventsysScheduleStateCode, EventsysSource, EventsysType } from '../protocol/eventsys-ioctl.js';

/** How an event came to be shared. */
export const METHOD_WORDS: Readonly<Record<EventsysMethod, string>> = {
  [EventsysMethod.HandleFromApp]: "application's handle",
  [EventsysMethod.HandleFromDriver]: "driver's handle",
  [EventsysMethod.NameClassic]: 'name, classic',
  [EventsysMethod.NameStrict]: 'name, strict',
  [EventsysMethod.NameCreated]: 'name, by driver',
  [EventsysMethod.BufferWork]: 'buffer: work',
  [EventsysMethod.BufferDone]: 'buffer: done',
};

export const TYPE_WORDS: Readonly<Record<EventsysType, string>> = {
  [EventsysType.Notification]: 'notification',
  [EventsysType.Synchronization]: 'synchronization',
  [EventsysType.Unknown]: 'unknown',
};

/** Where signals come from. */
export const SOURCE_WORDS: Readonly<Record<EventsysSource, string>> = {
  [EventsysSource.Hand]: 'by hand',
  [EventsysSource.TimerDpc]: 'timer DPC',
  [EventsysSource.Worker]: 'worker thread',
  [EventsysSource.Completion]: 'completed request',
  [EventsysSource.Buffer]: 'buffer thread',
};

export const SCHEDULE_STATE_WORDS: Readonly<Record<EventsysScheduleStateCode, string>> = {
  [EventsysScheduleStateCode.Active]: 'active',
  [EventsysScheduleStateCode.Finished]: 'finished',
  [EventsysScheduleStateCode.Cancelled]: 'cancelled',
};
