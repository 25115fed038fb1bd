/** Requests that set breakpoints of every kind. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { EventscopeError } from '../../protocol/errors.js';
import { evaluate } from '../expression/evaluator.js';
import { addressOf, hexAddress, readInteger, type Value } from '../variables/value.js';
import { formatReference, parseReference, type SpaceAddress } from './addresses.js';
import * as args from './arguments.js';
import type { BreakpointRequestItem } from './breakpoints.js';
import type { DapServer } from './dap-server.js';
import { childOf } from './inspection-requests.js';
import type { SessionState } from './session-state.js';

/** @param exceptionsChanged tells the engines which exceptions stop */
export function registerBreakpointRequests(
  server: DapServer,
  state: SessionState,
  exceptionsChanged: () => Promise<void>,
): void {
  server.on('setBreakpoints', async (given) => {
    const { source, breakpoints } = args.checked(args.setBreakpointsArguments, given);
    const path = source.path;
    if (path === undefined) {
      const message = 'this text is not a file of this machine';
      return { breakpoints: breakpoints.map(() => ({ verified: false, reason: 'failed', message })) };
    }
    const items = breakpoints.map(({ line, column, ...options }) => {
      return { spec: { kind: 'source', path, line, column }, options } as const;
    });
    return { breakpoints: await state.breakpoints.replace(`source ${path}`, items) };
  });
  server.on('setFunctionBreakpoints', async (given) => {
    const { breakpoints } = args.checked(args.setFunctionBreakpointsArguments, given);
    const items = breakpoints.map(({ name, ...options }) => ({ spec: { kind: 'function', name }, options }) as const);
    return { breakpoints: await state.breakpoints.replace('function', items) };
  });
  server.on('setInstructionBreakpoints', async (given) => {
    const { breakpoints } = args.checked(args.setInstructionBreakpointsArguments, given);
    const items = breakpoints.map(({ instructionReference, offset, ...options }) => {
      const place = parseReference(state.engines, instructionReference, state.focus, offset);
      return { spec: { kind: 'instruction', ...place }, options } as const;
    });
    return { breakpoints: await state.breakpoints.replace('instruction', items) };
  });
  server.on('dataBreakpointInfo', (given, { signal }) => dataBreakpointInfo(state, given, signal), { inspects: true });
  server.on('setDataBreakpoints', async (given) => {
    const { breakpoints } = args.checked(args.setDataBreakpointsArguments, given);
    const items = breakpoints.map(({ dataId, accessType, ...options }): BreakpointRequestItem => {
      const { length, ...place } = parseDataId(state, dataId);
      const access = accessType === undefined || accessType === 'write' ? 'write' : 'readwrite';
      return { spec: { kind: 'data', ...place, length, access }, options };
    });
    return { breakpoints: await state.breakpoints.replace('data', items) };
  });
  server.on('setExceptionBreakpoints', async (given) => {
    const { filters, filterOptions } = args.checked(args.setExceptionBreakpointsArguments, given);
    const wanted = [
      ...filters.map((id) => ({ id, condition: undefined })),
      ...filterOptions.map(({ filterId, condition }) => ({ id: filterId, condition })),
    ];
    const known = state.exceptions.set(wanted.map(({ id }) => id));
    await exceptionsChanged();
    const points = await state.points.setFilters(wanted);
    return {
      breakpoints: points.map((point, index) => {
        if (point !== undefined) return point.verified ? point : { ...point, reason: 'failed' };
        if (known[index] === true) return { verified: true };
        return { verified: false, reason: 'failed', message: 'there is no such filter' };
      }),
    };
  });
  server.on('breakpointLocations', async (given) => {
    const { source, line, endLine } = args.checked(args.breakpointLocationsArguments, given);
    const { path } = source;
    const lines = new Set<number>();
    for (const { symbols } of path === undefined ? [] : state.inventory.modules()) {
      if (symbols.source !== 'pdb') continue;
      for (const file of await symbols.sourceFiles()) {
        if (path === undefined || !state.paths.isSame(file, path)) continue;
        for (const each of await symbols.linesOfFile(file))
          if (each >= line && each <= (endLine ?? line)) lines.add(each);
      }
    }
    return { breakpoints: [...lines].sort((a, b) => a - b).map((each) => ({ line: each })) };
  });
}

/** Sizes that a debug register watches. */
const WATCHABLE = [1, 2, 4, 8];

async function dataBreakpointInfo(
  state: SessionState,
  given: unknown,
  signal: AbortSignal,
): Promise<DebugProtocol.DataBreakpointInfoResponse['body']> {
  const request = args.checked(args.dataBreakpointInfoArguments, given);
  const place = await watchedPlace(state, request, signal);
  if ('why' in place) return { dataId: null, description: place.why };
  const length = request.bytes ?? place.length;
  const { engine, address } = place;
  if (!WATCHABLE.includes(length)) {
    return { dataId: null, description: `${length} bytes cannot be watched: a debug register watches 1, 2, 4 or 8` };
  }
  if (address % BigInt(length) !== 0n) {
    return { dataId: null, description: `${hexAddress(address)} is not aligned to ${length} bytes` };
  }
  const { dataBreakpoints, dataBreakpointLimit } = engine.capabilities;
  if (dataBreakpoints === 0) return { dataId: null, description: 'This target has no data breakpoints' };
  const limit = dataBreakpointLimit === undefined ? '' : `. ${dataBreakpointLimit}`;
  return {
    dataId: `${formatReference(state.engines, place)}:${length}`,
    description: `${length} bytes at ${hexAddress(address)} (${request.name})${limit}`,
    accessTypes: ['write', 'readWrite'],
    canPersist: false,
  };
}

async function watchedPlace(
  state: SessionState,
  request: {
    readonly variablesReference?: number | undefined;
    readonly name: string;
    readonly frameId?: number | undefined;
    readonly asAddress?: boolean | undefined;
  },
  signal: AbortSignal,
): Promise<(SpaceAddress & { readonly length: number }) | { readonly why: string }> {
  if (request.asAddress === true) return { ...parseReference(state.engines, request.name, state.focus), length: 8 };
  const { variablesReference } = request;
  let value: Value;
  let frame = await state.frame(request.frameId);
  if (variablesReference !== undefined && variablesReference !== 0) {
    const container = state.container(variablesReference);
    frame = container.frame;
    const child = await childOf(state, container, request.name, signal);
    if (child === undefined) return { why: `${request.name} is not there` };
    value = child.value;
  } else {
    try {
      const scope = state.inspector.scope(frame, signal);
      value = (await evaluate(request.name, scope)).value;
      // An expression that computes an address, such as `&event->Header`: what it points to.
      if (addressOf(value) === undefined && value.type.kind === 'pointer') {
        const target = await value.type.target();
        value = { type: target, location: { kind: 'memory', address: await readInteger(value, scope) } };
      }
    } catch (error) {
      if (!(error instanceof EventscopeError)) throw error;
      return { why: error.message };
    }
  }
  const address = addressOf(value);
  if (address === undefined || value.bits !== undefined) return { why: `${request.name} is not in memory` };
  const { engine, space } = frame.thread;
  return { engine, space, address, length: Math.min(value.type.size, 8) };
}

function parseDataId(state: SessionState, dataId: string): SpaceAddress & { readonly length: number } {
  const mark = dataId.lastIndexOf(':');
  const length = Number(dataId.slice(mark + 1));
  if (mark < 0 || !WATCHABLE.includes(length)) {
    throw new EventscopeError({ id: 'debug.arguments', what: `"${dataId}" is no data breakpoint of this session` });
  }
  return { ...parseReference(state.engines, dataId.slice(0, mark), undefined), length };
}
