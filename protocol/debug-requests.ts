/**
 * What a debug session understands beyond DAP: custom requests and events of signal and wait points, between an editor (or any DAP client)
 * and the debug adapter. All are plain JSON; addresses and handles are hexadecimal texts (`0x...`), as in DAP itself.
 */
import * as v from 'valibot';

const text = v.string();
const count = v.pipe(v.number(), v.integer(), v.minValue(0));

export const DebugRequest = {
  /** Arguments {@link SetPointsArguments}, body {@link SetPointsBody}. Replaces all single points of the session. */
  setPoints: 'eventscope/setPoints',
  /** Arguments {@link ThreadOfFocus}, body {@link FlowBody}. At a signal point: goes on to where the wait that it satisfies returns. */
  followSignal: 'eventscope/followSignal',
  /** Arguments {@link ObjectOfFocus}, body {@link FlowBody}. */
  runToNextSignal: 'eventscope/runToNextSignal',
  /** Arguments {@link ObjectOfFocus}, body {@link FlowBody}. */
  runToNextWait: 'eventscope/runToNextWait',
  /** Arguments {@link WhoSignalsArguments}, body {@link WhoSignalsBody}. */
  whoSignals: 'eventscope/whoSignals',
  /** No arguments, body {@link DispatcherObjectsBody}. */
  dispatcherObjects: 'eventscope/dispatcherObjects',
  /**
   * Arguments {@link StartTracepointsArguments}, body {@link TracepointsBody}: it records then. While the target is stopped it does so as soon
   * as that goes on, and the event `tracepointsStarted` says how each point is served.
   */
  startTracepoints: 'eventscope/startTracepoints',
  /** No arguments, body {@link TracepointsBody}: the recording is complete then. */
  stopTracepoints: 'eventscope/stopTracepoints',
} as const;

export const DebugEventName = {
  /** Body {@link SetPointsBody}: those that changed. At most a few a second. */
  pointsChanged: 'eventscope/pointsChanged',
  /** Body {@link TracepointsBody}: a recording that was asked for at a stop has begun. */
  tracepointsStarted: 'eventscope/tracepointsStarted',
  /** Body {@link TracepointsBody}: a recording that ended with its session, or could not begin when the target went on. */
  tracepointsEnded: 'eventscope/tracepointsEnded',
  /** Body {@link DispatcherObjectsBody}: told after each stop at which something of it is new. */
  dispatcherObjectsChanged: 'eventscope/dispatcherObjectsChanged',
  /** Body {@link dbgPrintBody}: printed by a kernel that is debugged over its link, where no agent tells it. */
  dbgPrint: 'eventscope/dbgPrint',
} as const;

/** As it was printed: with line ends, or a part of a line. */
export const dbgPrintBody = v.object({ text: v.string() });

/** How a point is served. `none`: it is not, see the message. */
export const pointMechanism = v.picklist([
  'breakpoint',
  'importTracepoint',
  'stoppingTracepoint',
  'traceRing',
  'dataBreakpoint',
  'none',
]);
export type PointMechanism = v.InferOutput<typeof pointMechanism>;

export const pointSetting = v.object({
  /** The client's own key; comes back in the status. */
  id: text,
  /** Of the catalogue, with or without its module: `KeSetEvent`, `nt!KeSetEvent`, `ntdll!NtSetEvent`. */
  point: text,
  /** The calls of one place alone: a file of this machine, line from 1. Undefined: of any place. */
  place: v.optional(v.object({ path: text, line: v.pipe(v.number(), v.integer(), v.minValue(1)) })),
  /** machine/conditions.ts. */
  condition: v.optional(text),
  /** As of a breakpoint: `3`, `>= 3`, `% 10`. */
  hitCondition: v.optional(text),
});
export type PointSetting = v.InferOutput<typeof pointSetting>;

export const setPointsArguments = v.object({ points: v.pipe(v.array(pointSetting), v.maxLength(512)) });
export type SetPointsArguments = v.InferOutput<typeof setPointsArguments>;

export const pointStatus = v.object({
  id: text,
  /** Set at one place of the target at least. */
  verified: v.boolean(),
  /** Why it is not set, or what it does not see. */
  message: v.optional(text),
  /** What stops there. */
  mechanism: pointMechanism,
  /** What records its calls; undefined: they are not being recorded. */
  recordedBy: v.optional(pointMechanism),
  /** Hits whose condition held, and those whose condition did not. */
  hits: count,
  filtered: count,
});
export type PointStatus = v.InferOutput<typeof pointStatus>;
export const setPointsBody = v.object({ points: v.array(pointStatus) });
export type SetPointsBody = v.InferOutput<typeof setPointsBody>;

/** threadId: of DAP; undefined: the thread that stopped. */
export const threadOfFocus = v.object({ threadId: v.optional(count) });
export type ThreadOfFocus = v.InferOutput<typeof threadOfFocus>;

/** object: id of {@link DispatcherObject}; undefined: the object of the point at which the thread stands. */
export const objectOfFocus = v.object({ threadId: v.optional(count), object: v.optional(count) });
export type ObjectOfFocus = v.InferOutput<typeof objectOfFocus>;

/**
 * The target goes on (`following`, the stop comes as event), or it does not, and why: `nobodyWaits` (of Follow Signal: the signal stays,
 * or is lost), `noPoint` (the thread stands at no signal or wait point), `listed` (it was asked for no more).
 */
export const flowBody = v.object({
  outcome: v.picklist(['following', 'nobodyWaits', 'noPoint', 'listed']),
  /** One sentence for the user. */
  message: text,
});
export type FlowBody = v.InferOutput<typeof flowBody>;

/** run: goes on to the next of them; otherwise they are listed alone. */
export const whoSignalsArguments = v.object({ ...objectOfFocus.entries, run: v.optional(v.boolean(), true) });
export type WhoSignalsArguments = v.InferInput<typeof whoSignalsArguments>;

export const signaler = v.object({
  /** `seen`: in this session. `source`: the client's index of sources may add these. */
  origin: v.picklist(['seen', 'source']),
  point: text,
  side: v.picklist(['kernel', 'user']),
  /** "eventsys!TickDpc, timer.c:120", or a module and an offset. */
  caller: text,
  place: v.optional(v.object({ path: text, line: count })),
  times: count,
});
export type Signaler = v.InferOutput<typeof signaler>;
export const whoSignalsBody = v.object({ ...flowBody.entries, signalers: v.array(signaler) });
export type WhoSignalsBody = v.InferOutput<typeof whoSignalsBody>;

export const dispatcherObject = v.object({
  /** Of this session; never given to another object, also when its handle or pointer is used again. */
  id: count,
  /** `Event`, `Semaphore`, `Mutant`, `Timer`; `Object` while it is not known. */
  type: text,
  /** Object manager path; undefined: it has none, or it is not known. */
  name: v.optional(text),
  /** "signaled, notification", or why it is not known. */
  state: text,
  isSignaled: v.optional(v.boolean()),
  /** What it is called by in each process. */
  references: v.array(
    v.object({
      side: v.picklist(['kernel', 'user']),
      process: text,
      processId: count,
      kind: v.picklist(['handle', 'pointer']),
      value: text,
    }),
  ),
  waiters: v.array(v.object({ threadId: v.optional(count), name: text })),
  lastSignal: v.optional(
    v.object({ point: text, thread: text, caller: text, place: v.optional(v.object({ path: text, line: count })) }),
  ),
});
export type DispatcherObject = v.InferOutput<typeof dispatcherObject>;
export const dispatcherObjectsBody = v.object({ objects: v.array(dispatcherObject) });
export type DispatcherObjectsBody = v.InferOutput<typeof dispatcherObjectsBody>;

/**
 * points: of the catalogue; undefined: all that an import slot leads to. mechanism: of those points; undefined: the trace rings of a launched
 * program that is built with eventscope_trace.h (they hold all that it records), else import slots where there are any, else stops. file: of this machine; undefined: one is made in the project's folder.
 */
export const startTracepointsArguments = v.object({
  points: v.optional(v.pipe(v.array(text), v.minLength(1), v.maxLength(512))),
  mechanism: v.optional(v.picklist(['import', 'stopping'])),
  file: v.optional(text),
});
export type StartTracepointsArguments = v.InferOutput<typeof startTracepointsArguments>;
export const tracepointsBody = v.object({
  /** The recording, when one was made. */
  file: v.optional(text),
  /** One sentence: what is recorded, or how much there is. */
  message: text,
  /**
   * How each point is served, in each process; hits: of those that stop, and of those that the program records itself into its trace rings;
   * message: why it is not, or what it does not see.
   */
  points: v.array(
    v.object({ point: text, mechanism: pointMechanism, hits: v.optional(count), message: v.optional(text) }),
  ),
});
export type TracepointsBody = v.InferOutput<typeof tracepointsBody>;
