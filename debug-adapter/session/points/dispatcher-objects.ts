/**
 * Dispatcher objects of the session. An object's number is given once and is never its handle or pointer: these are evidence, which ends
 * when the handle is closed, the pointer is dereferenced or initialized anew, or the process ends. What ended and what is asked for now
 * are compared by the target itself, so that a handle or pointer that is used again never joins two objects.
 */
import type { BreakpointId, Engine, HandleObject, SpaceId } from '../../engine.js';
import type { DispatcherObject } from '../../../protocol/debug-requests.js';
import { parseFilter } from '../../../machine/conditions.js';
import { hexAddress } from '../../variables/value.js';
import type { Inventory, SessionThread } from '../inventory.js';
import type { Frame } from '../stacks.js';

export interface SeenSignal {
  readonly point: string;
  readonly side: 'kernel' | 'user';
  readonly thread: string;
  readonly caller: string;
  readonly place: { readonly path: string; readonly line: number } | undefined;
  /** The stack at that moment, innermost first. */
  readonly frames: readonly Frame[];
  times: number;
}

export interface ObjectReference {
  readonly engine: Engine;
  readonly space: SpaceId;
  readonly kind: 'handle' | 'pointer';
  readonly value: bigint;
  /** Breakpoints that never stop: a hit of one of them is the end of this reference. */
  readonly ends: readonly BreakpointId[];
}

export interface SessionObject {
  readonly id: number;
  typeName: string;
  /** What it is called, where that is no path of the object manager's. */
  readonly label?: string;
  /** Of an alert by thread id: the process. */
  readonly alertIn?: string;
  name: string | undefined;
  state: string;
  isSignaled: boolean | undefined;
  references: ObjectReference[];
  waiters: readonly SessionThread[];
  /** By point and caller, the last one last. */
  readonly signals: SeenSignal[];
}

/** Where an object is seen from. */
export interface Sighting {
  readonly engine: Engine;
  readonly space: SpaceId;
  /** Valid now. Where engines tell waiters, the pointer stands for a handle too. */
  readonly handle: bigint | undefined;
  /** The handle is the caller's own and stays; one that is closed at once is no reference. */
  readonly keepsHandle: boolean;
  readonly pointer?: bigint;
}

/** Objects that are remembered; of those without a living reference the oldest are forgotten first. */
const MAX_OBJECTS = 1_000;
const MAX_SIGNALERS = 64;
/** Counted on the target, and never enough to stop there. */
const NEVER = 0xffff_ffff;

export class DispatcherObjects {
  readonly #inventory: Inventory;
  readonly #objects = new Map<number, SessionObject>();
  /** References whose ends were told last: the thread may still stand at the call that ends them. */
  #ending: { readonly object: SessionObject; readonly reference: ObjectReference }[] = [];
  #next = 1;

  constructor(inventory: Inventory) {
    this.#inventory = inventory;
  }

  all(): readonly SessionObject[] {
    return [...this.#objects.values()];
  }
  get(id: number): SessionObject | undefined {
    return this.#objects.get(id);
  }

  /**
   * The objects that are seen, in order; undefined: no such handle. One question to each engine, in which everything that is known is
   * looked at again.
   */
  async identify(engine: Engine, sightings: readonly Sighting[]): Promise<readonly (SessionObject | undefined)[]> {
    const known = this.#handlesOf(engine);
    const handles = sightings.filter(({ handle }) => handle !== undefined) as (Sighting & { handle: bigint })[];
    const asked = [...known.map(({ reference }) => ({ space: reference.space, handle: reference.value })), ...handles];
    const answers =
      asked.length === 0
        ? []
        : ((await engine.queryHandles?.(asked.map(({ space, handle }) => ({ space, handle })))) ?? []);
    const owners = this.#review(engine, known, answers);
    const found = new Map<Sighting, SessionObject>();
    handles.forEach((sighting, index) => {
      const answer = answers[known.length + index];
      if (answer === undefined) return;
      const owner = owners.get(answer.object) ?? this.#ownerOfPointer(sighting, answer) ?? this.#mint();
      owners.set(answer.object, owner);
      this.#update(engine, owner, answer);
      found.set(sighting, owner);
    });
    const result: (SessionObject | undefined)[] = [];
    for (const sighting of sightings) {
      const object =
        found.get(sighting) ?? (sighting.handle === undefined ? this.#byPointerAlone(sighting) : undefined);
      if (object !== undefined) await this.#addReferences(object, sighting);
      result.push(object);
    }
    this.#forgetOldest();
    return result;
  }

  /** The alert of one thread by its id, which stands for a lock or an address; a thread that waits for it is its waiter. */
  alertOf(thread: SessionThread, threadId: number, waiter: SessionThread | undefined): SessionObject {
    const label = `the alert of thread ${threadId}`;
    const known = this.all().find((each) => each.label === label && each.alertIn === `${thread.engine.kind}/${thread.space}`); // prettier-ignore
    const object = known ?? this.#mint({ label, alertIn: `${thread.engine.kind}/${thread.space}` });
    object.typeName = 'Alert';
    object.state = waiter === undefined ? 'not waited for' : 'waited for';
    object.waiters = waiter === undefined ? [] : [waiter];
    return object;
  }

  /** Looks at all that is known again. */
  async refresh(engine: Engine): Promise<void> {
    const known = this.#handlesOf(engine);
    if (known.length === 0) return;
    const asked = known.map(({ reference: { space, value } }) => ({ space, handle: value }));
    this.#review(engine, known, (await engine.queryHandles?.(asked)) ?? []);
  }

  signaled(object: SessionObject, signal: Omit<SeenSignal, 'times'>): void {
    const { signals } = object;
    const index = signals.findIndex(
      (each) => each.point === signal.point && each.caller === signal.caller && each.thread === signal.thread,
    );
    const [before] = index < 0 ? [] : signals.splice(index, 1);
    signals.push({ ...signal, times: (before?.times ?? 0) + 1 });
    if (signals.length > MAX_SIGNALERS) signals.shift();
  }

  /** Breakpoints that the engine has counted hits of: references that have ended. */
  counted(engine: Engine, hit: ReadonlySet<BreakpointId>): void {
    this.#ending = [];
    for (const object of this.#objects.values()) {
      const ended = object.references.filter((each) => each.engine === engine && each.ends.some((id) => hit.has(id)));
      this.#ending.push(...ended.map((reference) => ({ object, reference })));
      this.#drop(object, (each) => each.engine === engine && each.ends.some((id) => hit.has(id)));
    }
  }

  spaceGone(engine: Engine, space: SpaceId): void {
    for (const object of this.#objects.values()) {
      this.#drop(object, (each) => each.engine === engine && each.space === space);
      object.waiters = object.waiters.filter((each) => each.engine !== engine || each.space !== space);
    }
  }

  clear(): void {
    this.#objects.clear();
    this.#ending = [];
  }

  toDap(object: SessionObject): DispatcherObject {
    const last = object.signals.at(-1);
    return {
      id: object.id,
      type: object.typeName,
      ...(object.name === undefined ? {} : { name: object.name }),
      state: object.references.length === 0 ? `${object.state} when it was seen last` : object.state,
      ...(object.isSignaled === undefined ? {} : { isSignaled: object.isSignaled }),
      references: object.references.map(({ engine, space, kind, value }) => {
        const process = this.#inventory.processOf(engine, space);
        const { side = 'user', name = '', processId = 0 } = process ?? {};
        return { side, process: name, processId, kind, value: hexAddress(value) };
      }),
      waiters: object.waiters.map((thread) => ({ threadId: thread.id, name: threadLabel(this.#inventory, thread) })),
      ...(last === undefined
        ? {}
        : {
            lastSignal: {
              ...{ point: last.point, thread: last.thread, caller: last.caller },
              ...(last.place === undefined ? {} : { place: last.place }),
            },
          }),
    };
  }

  #handlesOf(engine: Engine): { readonly object: SessionObject; readonly reference: ObjectReference }[] {
    return [...this.#objects.values()].flatMap((object) =>
      object.references
        .filter((each) => each.engine === engine && (each.kind === 'handle' || tellsByAddress(engine)))
        .map((reference) => ({ object, reference })),
    );
  }

  /** What the target says of references that were known: those that mean something else now are dropped. @returns owners by its numbers */
  #review(
    engine: Engine,
    known: readonly { readonly object: SessionObject; readonly reference: ObjectReference }[],
    answers: readonly (HandleObject | undefined)[],
  ): Map<number, SessionObject> {
    const owners = new Map<number, SessionObject>();
    const numbers = new Map<SessionObject, number>();
    known.forEach(({ object, reference }, index) => {
      const answer = answers[index];
      if (answer === undefined || isAnother(object, answer)) {
        this.#drop(object, (each) => each === reference);
        return;
      }
      const number = numbers.get(object);
      const owner = owners.get(answer.object);
      // Two references of one object that are two now, or two objects that are one: the later evidence is not trusted.
      if ((number !== undefined && number !== answer.object) || (owner !== undefined && owner !== object)) {
        this.#drop(object, (each) => each === reference);
        return;
      }
      numbers.set(object, answer.object);
      owners.set(answer.object, object);
      this.#update(engine, object, answer);
    });
    return owners;
  }

  /** A pointer's object, when nothing contradicts: the target's comparison has not found it among the handles that are known. */
  #ownerOfPointer({ engine, space, pointer }: Sighting, answer: HandleObject): SessionObject | undefined {
    if (pointer === undefined) return undefined;
    const owner = this.#withPointer(engine, space, pointer);
    if (owner === undefined) return undefined;
    const hasHandle = owner.references.some(({ kind }) => kind === 'handle');
    if (!hasHandle && !isAnother(owner, answer)) return owner;
    this.#dropPointer(engine, space, pointer);
    return undefined;
  }

  #byPointerAlone({ engine, space, pointer }: Sighting): SessionObject | undefined {
    if (pointer === undefined) return undefined;
    const ending = this.#ending.find(({ reference }) => isReference(reference, engine, space, 'pointer', pointer));
    return this.#withPointer(engine, space, pointer) ?? ending?.object ?? this.#mint();
  }

  #withPointer(engine: Engine, space: SpaceId, pointer: bigint): SessionObject | undefined {
    return this.all().find(({ references }) =>
      references.some((each) => isReference(each, engine, space, 'pointer', pointer)),
    );
  }

  #dropPointer(engine: Engine, space: SpaceId, pointer: bigint): void {
    for (const object of this.#objects.values()) {
      this.#drop(object, (each) => isReference(each, engine, space, 'pointer', pointer));
    }
  }

  async #addReferences(object: SessionObject, sighting: Sighting): Promise<void> {
    const { engine, space, handle, keepsHandle, pointer } = sighting;
    const add = async (kind: 'handle' | 'pointer', value: bigint): Promise<void> => {
      if (object.references.some((each) => isReference(each, engine, space, kind, value))) return;
      // Another object had it before: that has ended.
      for (const other of this.#objects.values()) {
        this.#drop(other, (each) => isReference(each, engine, space, kind, value));
      }
      object.references.push({ engine, space, kind, value, ends: await this.#watchEnd(engine, space, kind, value) });
    };
    if (handle !== undefined && keepsHandle) await add('handle', handle);
    if (pointer !== undefined) await add('pointer', pointer);
  }

  /** Breakpoints that count the calls that end a reference, on the target, and never stop. */
  async #watchEnd(engine: Engine, space: SpaceId, kind: 'handle' | 'pointer', value: bigint): Promise<BreakpointId[]> {
    // Closes and dereferences of a whole machine are too many to stop it for; what a reference means is looked at at each stop instead.
    if (tellsByAddress(engine)) return [];
    const side = this.#inventory.processOf(engine, space)?.side ?? 'user';
    // The first argument, which conditions call `address` on the kernel's side and `handle` on the user's.
    const text = `${side === 'kernel' ? 'address' : 'handle'} == ${hexAddress(value)}`;
    const names =
      kind === 'handle'
        ? [['ntdll.dll', 'NtClose'] as const]
        : (['KeInitializeEvent', 'ObfDereferenceObject', 'ObDereferenceObject'] as const).map(
            (name) => ['ntoskrnl.exe', name] as const,
          );
    const addresses: bigint[] = [];
    for (const [file, name] of names) {
      const loaded = this.#inventory.modulesOf(engine, space).find(({ module }) => module.name.toLowerCase() === file);
      for (const { rva } of (await loaded?.symbols.functions(name)) ?? []) {
        addresses.push((loaded?.module.base ?? 0n) + BigInt(rva));
      }
    }
    const filter = parseFilter(text);
    const requests = addresses.map(
      (address) => ({ space, address, kind: 'software', filter, ignoreCount: NEVER }) as const,
    );
    const answers = await engine.setBreakpoints(requests);
    return answers.filter((answer) => typeof answer === 'number');
  }

  #drop(object: SessionObject, isOver: (reference: ObjectReference) => boolean): void {
    for (const reference of object.references.filter(isOver)) {
      // Of a process that has ended nothing is left to remove.
      void reference.engine.removeBreakpoints(reference.ends).catch(() => undefined);
    }
    object.references = object.references.filter((each) => !isOver(each));
  }

  #update(engine: Engine, object: SessionObject, { typeName, name, state, isSignaled, waiters }: HandleObject): void {
    object.typeName = typeName;
    object.name = name ?? object.name;
    object.state = state;
    object.isSignaled = isSignaled;
    if (waiters === undefined) return;
    const threads = waiters.map((thread) => this.#inventory.threadOf(engine, thread));
    object.waiters = threads.filter((thread) => thread !== undefined);
  }

  #mint(alert: Pick<SessionObject, 'label' | 'alertIn'> = {}): SessionObject {
    const object: SessionObject = {
      ...alert,
      ...{ id: this.#next++, typeName: 'Object', name: undefined, state: 'not known', isSignaled: undefined },
      ...{ references: [], waiters: [], signals: [] },
    };
    this.#objects.set(object.id, object);
    return object;
  }

  #forgetOldest(): void {
    for (const object of this.#objects.values()) {
      if (this.#objects.size <= MAX_OBJECTS) return;
      if (object.references.length === 0) this.#objects.delete(object.id);
    }
  }
}

/** "eventapp thread 36", "winedevice thread 52 (timer DPC)". */
export function threadLabel(inventory: Inventory, thread: SessionThread): string {
  const process = inventory.processOf(thread.engine, thread.space)?.name.replace(/\.exe$/i, '') ?? 'process';
  const name = thread.engine.threads().find((each) => each.thread === thread.thread)?.name ?? thread.name;
  return `${process} thread ${thread.threadId}${name === undefined ? '' : ` (${name})`}`;
}

/** What a person calls an object: its name, or what is known of it instead. */
export function objectLabel(object: SessionObject): string {
  if (object.label !== undefined) return object.label;
  if (object.name !== undefined) return object.name;
  const type = /^(Object)?$/.test(object.typeName) ? 'an object' : `${/^[AEIOU]/.test(object.typeName) ? 'an' : 'a'} ${object.typeName.toLowerCase()}`; // prettier-ignore
  const [first] = object.references;
  const where = first === undefined ? '' : ` (${first.kind} ${hexAddress(first.value)})`;
  return `${type} without a name${where}`;
}

/** Engines that read objects out of kernel memory, and their waiters with them. */
export const tellsByAddress = (engine: Engine): boolean => engine.capabilities.tellsWaiters === true;

const isAnother = (object: SessionObject, { typeName, name }: HandleObject): boolean =>
  (object.typeName !== 'Object' && object.typeName !== typeName) || (object.name !== undefined && object.name !== name);

const isReference = (
  reference: ObjectReference,
  engine: Engine,
  space: SpaceId,
  kind: ObjectReference['kind'],
  value: bigint,
): boolean =>
  reference.engine === engine && reference.space === space && reference.kind === kind && reference.value === value;
