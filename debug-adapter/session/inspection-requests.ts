/** Requests that look at the stopped target: threads, stacks, scopes, variables, expressions. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { EventscopeError } from '../../protocol/errors.js';
import { assign, evaluate } from '../expression/evaluator.js';
import type { DisplayFormat } from '../expression/syntax.js';
import { children, display, type Child, type Shown } from '../variables/display.js';
import { knownType } from '../variables/nt-types.js';
import { plainTypeName } from '../variables/types.js';
import { addressOf, readInteger, type Value } from '../variables/value.js';
import { formatReference } from './addresses.js';
import * as args from './arguments.js';
import { completions } from './completions.js';
import type { DapServer } from './dap-server.js';
import { isTraceHeader } from './points/own-code.js';
import { exceptionInfo } from './exceptions.js';
import type { FrameScope, NamedVariable } from './frame-scope.js';
import type { Container } from './inspector.js';
import { staleError, unsupported } from './protocol-error.js';
import { REGISTER_GROUPS } from './registers.js';
import type { SessionState } from './session-state.js';
import { type Frame, frameName } from './stacks.js';

const INSPECTS = { inspects: true };

export function registerInspectionRequests(server: DapServer, state: SessionState): void {
  server.on('threads', async () => {
    const { inventory } = state;
    await inventory.learnBeginnings();
    return { threads: inventory.threads().map((thread) => ({ id: thread.id, name: inventory.threadName(thread) })) };
  });
  server.on('stackTrace', (given, { signal }) => stackTrace(state, given, signal), INSPECTS);
  server.on('scopes', async (given) => {
    const { frameId } = args.checked(args.frameArguments, given);
    return { scopes: scopes(state, await state.frame(frameId), frameId) };
  });
  server.on('variables', (given, { signal }) => variables(state, given, signal), INSPECTS);
  server.on('setVariable', (given, { signal }) => setVariable(server, state, given, signal));
  server.on('setExpression', (given, { signal }) => setExpression(server, state, given, signal));
  server.on('evaluate', (given, { signal }) => evaluateRequest(server, state, given, signal), {
    inspects: true,
    quiet: true,
  });
  server.on(
    'completions',
    async (given, { signal }) => {
      const { text, column, frameId } = args.checked(args.completionsArguments, given);
      const frame = await state.frame(frameId);
      return { targets: await completions(text.slice(0, column - 1), state.inspector.scope(frame, signal)) };
    },
    { inspects: true, quiet: true },
  );
  server.on(
    'exceptionInfo',
    async (given) => {
      await Promise.resolve();
      const { threadId } = args.checked(args.threadArguments, given);
      const thread = state.stoppedThread(threadId);
      const stop = state.execution?.stop;
      if (stop?.stop.reason.kind !== 'exception' || stop.thread?.id !== thread.id) {
        throw unsupported('There is no exception to tell of', 'this thread did not stop at one');
      }
      return exceptionInfo(stop.stop.reason);
    },
    INSPECTS,
  );
}

async function stackTrace(state: SessionState, given: unknown, signal: AbortSignal): Promise<object> {
  const { threadId, startFrame, levels } = args.checked(args.stackTraceArguments, given);
  const thread = state.stoppedThread(threadId);
  state.focus = thread;
  const own = await state.inspector.stacks.frames(thread, signal);
  const wokenBy = state.points.flow.wokenBy(thread);
  const frames = wokenBy === undefined ? own : [...own, wokenBy.label, ...wokenBy.frames];
  const end = levels === 0 ? frames.length : startFrame + levels;
  const shown: DebugProtocol.StackFrame[] = [];
  // Editors fold frames that are subtle: of a stack without any source nothing would be left to see.
  const anySource = frames.some((frame) => typeof frame !== 'string' && isUsers(frame));
  for (const frame of frames.slice(startFrame, end)) {
    shown.push(typeof frame === 'string' ? labelFrame(frame) : await dapFrame(state, frame, anySource));
  }
  return { stackFrames: shown, totalFrames: frames.length };
}

/** Begins a section of the stack: no frame, and no place. */
const labelFrame = (name: string): DebugProtocol.StackFrame => ({ id: 0, name, line: 0, column: 0, presentationHint: 'label' }); // prettier-ignore

/** It stands in a line of the user's own. */
const isUsers = ({ source }: Frame): boolean => source?.source !== undefined && !isTraceHeader(source.source.file);

async function dapFrame(state: SessionState, frame: Frame, foldsOthers: boolean): Promise<DebugProtocol.StackFrame> {
  const { source, module, context, thread, rva } = frame;
  const { engine, space } = thread;
  const place = formatReference(state.engines, { engine, space, address: context.rip });
  const line = source?.source;
  const name = await frameName(state.inventory, frame);
  return {
    id: state.inspector.frameId(frame),
    name: source?.inlined === true ? `[inlined] ${name}` : name,
    line: line?.line ?? 0,
    column: line?.column ?? 0,
    instructionPointerReference: place,
    canRestart: false,
    ...(module === undefined ? {} : { moduleId: module.id }),
    ...(line === undefined || module === undefined
      ? foldsOthers
        ? { presentationHint: 'subtle' as const }
        : {}
      : isTraceHeader(line.file)
        ? {
            presentationHint: 'subtle' as const,
            source: { ...state.source(line.file, module, rva), presentationHint: 'deemphasize' as const },
          }
        : { source: state.source(line.file, module, rva) }),
  };
}

function scopes(state: SessionState, frame: Frame, frameId: number): DebugProtocol.Scope[] {
  const reference = (name: string, container: Container): number =>
    state.inspector.containers.add(0, `${frameId}/${name}`, container);
  const found: DebugProtocol.Scope[] = [];
  if (frame.isPast === true) return found;
  if (frame.source !== undefined && frame.module?.symbols.source === 'pdb') {
    found.push(
      {
        name: 'Locals',
        presentationHint: 'locals',
        variablesReference: reference('locals', { kind: 'locals', frame }),
        expensive: false,
      },
      {
        name: 'Arguments',
        presentationHint: 'arguments',
        variablesReference: reference('arguments', { kind: 'arguments', frame }),
        expensive: false,
      },
      {
        name: 'Dispatcher Objects',
        variablesReference: reference('objects', { kind: 'objects', frame }),
        expensive: true,
      },
    );
  }
  found.push({
    name: 'Registers',
    presentationHint: 'registers',
    variablesReference: reference('registers', { kind: 'registers', frame }),
    expensive: true,
  });
  return found;
}

async function variables(state: SessionState, given: unknown, signal: AbortSignal): Promise<object> {
  const request = args.checked(args.variablesArguments, given);
  const container = state.container(request.variablesReference);
  const page = request.filter === 'indexed' ? { start: request.start, count: request.count } : undefined;
  const scope = state.inspector.scope(container.frame, signal, request.format?.hex === true);
  const found = await contents(state, container, scope, request.variablesReference, page);
  return { variables: found };
}

/** What is in a container, as DAP shows it. */
async function contents(
  state: SessionState,
  container: Container,
  scope: FrameScope,
  parent: number,
  page?: { readonly start: number; readonly count: number },
): Promise<DebugProtocol.Variable[]> {
  const { frame } = container;
  if (container.kind === 'registers') {
    return REGISTER_GROUPS.filter(({ registers }) =>
      registers.some((name) => scope.registers.read(name) !== undefined),
    ).map((group) => ({
      name: group.name,
      value: '',
      presentationHint: { kind: 'virtual' },
      variablesReference: state.inspector.containers.add(parent, group.name, {
        kind: 'registerGroup',
        frame,
        registers: group.registers,
      }),
    }));
  }
  const rows = await rowsOf(state, container, scope, page);
  return Promise.all(rows.map((row) => dapVariable(state, row, scope, parent, container)));
}

async function rowsOf(
  state: SessionState,
  container: Container,
  scope: FrameScope,
  page?: { readonly start: number; readonly count: number },
): Promise<readonly Child[]> {
  switch (container.kind) {
    case 'locals':
    case 'arguments': {
      const isParameter = container.kind === 'arguments';
      return unique((await scope.variables()).filter((variable) => variable.isParameter === isParameter));
    }
    case 'objects':
      return objectsInSight(unique(await scope.variables()), scope);
    case 'registerGroup':
      return container.registers.flatMap((name) => {
        const value = scope.registers.read(name) === undefined ? undefined : scope.registers.value(name);
        return value === undefined ? [] : [{ name, value, evaluateName: `@${name}` }];
      });
    case 'value':
      return children(container.value, container.expression, scope, page);
    case 'registers':
      return [];
  }
}

/** Variables with the expression that names them; one that an inner block hides cannot be named. */
function unique(found: readonly NamedVariable[]): Child[] {
  return found.map(({ name, value }, index) => {
    const isHidden = found.slice(index + 1).some((later) => later.name === name);
    return { name, value, ...(isHidden ? {} : { evaluateName: name }) };
  });
}

const MAX_OBJECTS = 100;

/** Dispatcher objects that locals and arguments are, point to, or have as members or members' targets. */
async function objectsInSight(roots: readonly Child[], scope: FrameScope): Promise<Child[]> {
  const found: Child[] = [];
  const seen = new Set<string>();
  const visit = async (child: Child, depth: number): Promise<void> => {
    if (found.length >= MAX_OBJECTS || depth > 3) return;
    const object = await objectOf(child.value, scope);
    const address = object === undefined ? undefined : addressOf(object);
    if (object !== undefined && object.type.kind === 'record') {
      const known = knownType(plainTypeName(object.type.name));
      if (known?.isDispatcherObject === true) {
        const key = String(address);
        if (!seen.has(key)) found.push({ ...child, name: child.evaluateName ?? child.name, isVirtual: true });
        seen.add(key);
        return;
      }
      if (known !== undefined || seen.has(`${object.type.name}/${address}`)) return;
      seen.add(`${object.type.name}/${address}`);
      for (const member of await children(child.value, child.evaluateName, scope)) await visit(member, depth + 1);
    }
  };
  for (const root of roots) {
    try {
      await visit(root, 0);
    } catch (error) {
      // One that cannot be read hides no other.
      if (!(error instanceof EventscopeError)) throw error;
    }
  }
  return found;
}

/** The structure that a value is or points to; undefined for other things and for null. */
async function objectOf(value: Value, scope: FrameScope): Promise<Value | undefined> {
  if (value.type.kind === 'record') return value;
  if (value.type.kind !== 'pointer' || value.location.kind === 'unavailable') return undefined;
  const type = await value.type.target();
  if (type.kind !== 'record') return undefined;
  const address = await readInteger(value, scope);
  return address === 0n ? undefined : { type, location: { kind: 'memory', address } };
}

async function dapVariable(
  state: SessionState,
  row: Child,
  scope: FrameScope,
  parent: number,
  { frame }: Container,
): Promise<DebugProtocol.Variable> {
  const shown = await display(row.name, row.value, scope);
  const hint: DebugProtocol.VariablePresentationHint = {
    ...(row.isVirtual === true ? { kind: 'virtual' } : {}),
    ...(shown.isAssignable ? {} : { attributes: ['readOnly'] }),
  };
  return {
    name: row.name,
    value: shown.text,
    ...dapShown(state, shown, frame),
    variablesReference: shown.hasChildren
      ? state.inspector.containers.add(parent, row.name, {
          kind: 'value',
          frame,
          value: row.value,
          expression: row.evaluateName,
        })
      : 0,
    ...(row.evaluateName === undefined ? {} : { evaluateName: row.evaluateName }),
    ...(Object.keys(hint).length === 0 ? {} : { presentationHint: hint }),
  };
}

function dapShown(
  state: SessionState,
  shown: Shown,
  { thread: { engine, space } }: Frame,
): { readonly type: string; readonly memoryReference?: string; readonly indexedVariables?: number } {
  const { memoryAddress, indexedChildren } = shown;
  return {
    type: shown.type,
    ...(memoryAddress === undefined
      ? {}
      : { memoryReference: formatReference(state.engines, { engine, space, address: memoryAddress }) }),
    ...(indexedChildren === undefined ? {} : { indexedVariables: indexedChildren }),
  };
}

/** A row of a container by its name, for requests that name one. */
export async function childOf(
  state: SessionState,
  container: Container,
  name: string,
  signal: AbortSignal,
): Promise<Child | undefined> {
  const scope = state.inspector.scope(container.frame, signal);
  const index = /^\[(\d+)\]$/.exec(name);
  const page = index === null ? undefined : { start: Number(index[1]), count: 1 };
  const rows = await rowsOf(state, container, scope, page);
  return rows.findLast((row) => row.name === name);
}

async function setVariable(
  server: DapServer,
  state: SessionState,
  given: unknown,
  signal: AbortSignal,
): Promise<object> {
  const request = args.checked(args.setVariableArguments, given);
  const container = state.container(request.variablesReference);
  const child = await childOf(state, container, request.name, signal);
  if (child === undefined) throw staleError();
  const scope = state.inspector.scope(container.frame, signal, request.format?.hex === true);
  await assign(child.value, request.value, scope);
  return changed(server, state, child, scope, request.variablesReference, container);
}

async function setExpression(
  server: DapServer,
  state: SessionState,
  given: unknown,
  signal: AbortSignal,
): Promise<object> {
  const request = args.checked(args.setExpressionArguments, given);
  const frame = await state.frame(request.frameId);
  const scope = state.inspector.scope(frame, signal, request.format?.hex === true);
  const { value } = await evaluate(request.expression, scope);
  await assign(value, request.value, scope);
  const child = { name: request.expression, value, evaluateName: request.expression };
  return changed(server, state, child, scope, 0, { kind: 'locals', frame });
}

/** The new value; other things that are shown may be of the same memory. */
async function changed(
  server: DapServer,
  state: SessionState,
  child: Child,
  scope: FrameScope,
  parent: number,
  container: Container,
): Promise<object> {
  state.inspector.changed();
  const shown = await dapVariable(state, child, scope, parent, container);
  server.event('invalidated', { areas: ['variables'] });
  const { value, type, variablesReference, indexedVariables, memoryReference } = shown;
  return { value, type, variablesReference, indexedVariables, memoryReference };
}

async function evaluateRequest(
  server: DapServer,
  state: SessionState,
  given: unknown,
  signal: AbortSignal,
): Promise<object> {
  const request = args.checked(args.evaluateArguments, given);
  const frame = await state.frame(request.frameId);
  const scope = state.inspector.scope(frame, signal, request.format?.hex === true);
  const { value, format, assigned } = await evaluate(request.expression, scope, {
    allowAssignment: request.context === 'repl',
  });
  if (assigned) {
    state.inspector.changed();
    server.event('invalidated', { areas: ['variables'] });
  }
  return evaluated(state, request.expression, value, format, frame, scope);
}

async function evaluated(
  state: SessionState,
  expression: string,
  value: Value,
  format: DisplayFormat,
  frame: Frame,
  scope: FrameScope,
): Promise<object> {
  // The part before a format's comma names the value.
  const plain =
    format.radix === undefined && format.count === undefined ? expression : expression.replace(/,[^,]*$/, '');
  const shown = await display(plain.trim(), value, scope, format);
  const key = `${state.inspector.frameId(frame)}/evaluate/${expression}`;
  return {
    result: shown.text,
    ...dapShown(state, shown, frame),
    variablesReference: shown.hasChildren
      ? state.inspector.containers.add(0, key, { kind: 'value', frame, value, expression: plain.trim() })
      : 0,
  };
}
