/** What is known of one call of a point beyond its objects, and whether a condition holds for it. */
import { evaluateCondition, INFINITE_TIMEOUT, type Filter } from '../../../machine/conditions.js';
import { parameterPosition } from '../../../machine/points.js';
import { leafName } from '../../../machine/object-names.js';
import type { X64Context } from '../../../machine/x64-context.js';
import { isRecorderReturn, RECORDER_CALLER, RECORDER_RETURN } from '../../../protocol/tracepoint-layout.js';
import type { MemoryAccess } from '../../variables/value.js';
import type { Inventory, LoadedModule, SessionThread } from '../inventory.js';
import { tellsByAddress, type SessionObject } from './dispatcher-objects.js';
import { argument, backingOf, nameOfCall, timeoutText, timeoutTicks, word } from './point-call.js';
import type { PointSite } from './point-wishes.js';

/** Read where the thread stands at the function's first instruction; what is undefined is not known. */
export interface CallFacts {
  readonly address?: bigint | undefined;
  readonly handle?: bigint | undefined;
  readonly callerModule?: string | undefined;
  readonly timeoutMs?: bigint | undefined;
  /** "for 5000 ms", "for ever". */
  readonly timeout?: string | undefined;
  /** Of a call that creates or opens: a path, or a name in the session's directory. */
  readonly name?: string | undefined;
  /** The object lies in the driver's own memory: it can have no name, and its state is there. */
  readonly isInMemory?: boolean;
  readonly previous?: number | undefined;
  readonly status?: bigint | undefined;
}

export async function factsOf(
  { point, at }: Pick<PointSite, 'point' | 'at'>,
  thread: SessionThread,
  inventory: Inventory,
  registers: X64Context,
  memory: MemoryAccess,
): Promise<CallFacts> {
  if (at === 'result') return { status: registers.get('rax') & 0xffff_ffffn };
  if (at !== 'entry') return {};
  const address = await argument(point, 'object', registers, memory);
  const caller = await callerOfCall(thread, inventory, registers, memory);
  const ticks = await timeoutTicks(point, registers, memory);
  const isKept = address !== undefined && !tellsByAddress(thread.engine);
  const backing = isKept ? await backingOf(address, memory) : undefined;
  const isInMemory = point.action === 'initialize' || (backing !== undefined && backing.kind !== 'server');
  return {
    address,
    handle: await argument(point, 'handle', registers, memory),
    callerModule: caller?.module.name,
    timeoutMs:
      ticks === 'infinite' ? INFINITE_TIMEOUT : ticks === undefined || ticks > 0n ? undefined : -ticks / 10_000n,
    timeout: timeoutText(ticks),
    name: await nameOfCall(point, registers, memory),
    isInMemory,
    previous: backing?.kind === 'memory' ? Number(backing.isSignaled) : undefined,
  };
}

/** Module that called, also through the recorder of an import tracepoint. */
async function callerOfCall(
  { engine, space }: SessionThread,
  inventory: Inventory,
  { rsp }: X64Context,
  memory: MemoryAccess,
): Promise<LoadedModule | undefined> {
  const back = await word(memory, rsp);
  if (back === undefined) return undefined;
  const module = inventory.moduleAt(engine, space, back);
  if (module !== undefined || !isRecorderReturn(await memory.read(back, RECORDER_RETURN.length))) return module;
  const caller = await word(memory, rsp + RECORDER_CALLER);
  return caller === undefined ? undefined : inventory.moduleAt(engine, space, caller);
}

export interface ConditionSubject {
  readonly filter: Filter;
  readonly site: Pick<PointSite, 'point'>;
  readonly thread: SessionThread;
  readonly inventory: Inventory;
  readonly objects: readonly SessionObject[];
  readonly facts: CallFacts;
  /** Of the point so far, this one included. */
  readonly hits: number;
}

/** Whether it holds for one of the objects; undefined: what is known does not decide it. */
export function conditionHolds(subject: ConditionSubject): boolean | undefined {
  const { filter, objects, facts, site, thread, inventory } = subject;
  const process = inventory.processOf(thread.engine, thread.space);
  const known = thread.engine.threads().find((each) => each.thread === thread.thread);
  const verdicts = (objects.length === 0 ? [undefined] : objects).map((object) =>
    evaluateCondition(filter.condition, (field) => {
      switch (field) {
        case 'event':
        case 'object':
          return nameFor(filter, object, facts);
        case 'previous':
          return facts.previous ?? stateOf(object);
        case 'side':
          return site.point.side;
        case 'point':
          return site.point.name;
        case 'process.name':
          return process?.name;
        case 'process.id':
          return process?.processId;
        case 'thread.id':
          return thread.threadId;
        case 'thread.name':
          return known?.name ?? thread.name;
        case 'address':
          return facts.address;
        case 'handle':
          return facts.handle;
        case 'caller.module':
          return facts.callerModule;
        case 'timeout':
          return facts.timeoutMs;
        case 'status':
          return facts.status;
        case 'hits':
          return subject.hits;
      }
    }),
  );
  if (verdicts.includes(true)) return true;
  return verdicts.includes(undefined) ? undefined : false;
}

/** Empty: it is known to have none, which is not the one that is asked for. */
function nameFor(filter: Filter, object: SessionObject | undefined, facts: CallFacts): string | undefined {
  if (object?.name !== undefined) return object.name;
  if (facts.isInMemory === true || (object !== undefined && object.typeName !== 'Object')) return '';
  const { name } = facts;
  if (name === undefined || name.startsWith('\\')) return name;
  // In a directory that is not known: whatever ends otherwise is another object.
  return filter.text.includes(leafName(name)) ? undefined : name;
}

const stateOf = (object: SessionObject | undefined): number | undefined =>
  object?.isSignaled !== undefined && /^(Event|Timer)$/.test(object.typeName) ? Number(object.isSignaled) : undefined;

/** A call of an object of another process by its handle there: of the requestor, or of the process that is duplicated from. */
export async function isOfAnotherProcess(
  point: PointSite['point'],
  registers: X64Context,
  memory: MemoryAccess,
): Promise<boolean> {
  if (point.side !== 'kernel') return false;
  const USER_MODE = 1n;
  if ((await argument(point, 'accessMode', registers, memory)) === USER_MODE && parameterPosition(point, 'handle') >= 0) return true; // prettier-ignore
  const source = await argument(point, 'sourceProcess', registers, memory);
  return source !== undefined && source !== CURRENT_PROCESS;
}

const CURRENT_PROCESS = 0xffff_ffff_ffff_ffffn;
