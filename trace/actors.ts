/** Who did what, by record. */
import type { TraceModel } from './model/model.js';
import { Flag, Kind } from './model/records.js';
import { threadName } from './wording.js';

const ACTIONS: Readonly<Record<number, string>> = {
  [Kind.Set]: 'set',
  [Kind.Pulse]: 'pulse',
  [Kind.Reset]: 'reset',
  [Kind.Release]: 'release',
  [Kind.Complete]: 'complete',
  [Kind.TimerSet]: 'setTimer',
  [Kind.TimerCancel]: 'cancelTimer',
  [Kind.TimerExpire]: 'expire',
  [Kind.WaitBegin]: 'wait',
  [Kind.WaitEnd]: 'waitEnd',
  [Kind.Request]: 'request',
  [Kind.Create]: 'create',
  [Kind.Open]: 'open',
  [Kind.Reference]: 'reference',
  [Kind.Dereference]: 'dereference',
  [Kind.Duplicate]: 'duplicate',
  [Kind.Close]: 'close',
  [Kind.Initialize]: 'initialize',
  [Kind.Note]: 'note',
};

export const actionOf = ({ records }: TraceModel, record: number): string =>
  ACTIONS[records.kind[record] ?? 0] ?? 'other';

export const sideOf = (model: TraceModel, record: number): 'kernel' | 'user' =>
  model.recording.sources[model.records.source[record] ?? 0]?.side ?? 'user';

export const isDeferred = (model: TraceModel, record: number): boolean =>
  ((model.records.flags[record] ?? 0) & Flag.Dpc) !== 0;

/** Kernel records made in an application's call are the driver's, in that process. */
export const whoDid = (model: TraceModel, record: number): string =>
  threadName(model, model.threadOf[record] ?? 0, isDeferred(model, record));
