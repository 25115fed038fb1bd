/** Arguments of DAP requests, checked: a client of another editor may send anything. */
import * as v from 'valibot';
import { EventscopeError } from '../../protocol/errors.js';

/** @throws EventscopeError `debug.arguments`, naming the field */
export function checked<const T extends v.GenericSchema>(schema: T, args: unknown): v.InferOutput<T> {
  const result = v.safeParse(schema, args);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const field = (issue.path ?? []).map((item) => String(item.key)).join('.');
  throw new EventscopeError({
    id: 'debug.arguments',
    what: `The request's ${field === '' ? 'arguments are' : `"${field}" is`} not right`,
    why: issue.message,
  });
}

const text = v.string();
const whole = v.pipe(v.number(), v.integer());
const optionalText = v.optional(text);
const format = v.optional(v.object({ hex: v.optional(v.boolean()) }));

const conditions = { condition: optionalText, hitCondition: optionalText, logMessage: optionalText };

export const setBreakpointsArguments = v.object({
  source: v.object({ path: optionalText, sourceReference: v.optional(whole) }),
  breakpoints: v.optional(
    v.array(v.object({ line: v.pipe(whole, v.minValue(1)), column: v.optional(whole), ...conditions })),
    [],
  ),
});
export const setFunctionBreakpointsArguments = v.object({
  breakpoints: v.array(v.object({ name: text, ...conditions })),
});
export const setInstructionBreakpointsArguments = v.object({
  breakpoints: v.array(v.object({ instructionReference: text, offset: v.optional(whole, 0), ...conditions })),
});
export const setDataBreakpointsArguments = v.object({
  breakpoints: v.array(
    v.object({ dataId: text, accessType: v.optional(v.picklist(['read', 'write', 'readWrite'])), ...conditions }),
  ),
});
export const dataBreakpointInfoArguments = v.object({
  variablesReference: v.optional(whole),
  name: text,
  frameId: v.optional(whole),
  bytes: v.optional(v.pipe(whole, v.minValue(1))),
  asAddress: v.optional(v.boolean()),
});
export const setExceptionBreakpointsArguments = v.object({
  filters: v.optional(v.array(text), []),
  filterOptions: v.optional(v.array(v.object({ filterId: text, condition: optionalText })), []),
});
export const threadArguments = v.object({
  threadId: whole,
  granularity: v.optional(v.picklist(['statement', 'line', 'instruction']), 'statement'),
  singleThread: v.optional(v.boolean(), false),
});
export const stackTraceArguments = v.object({
  threadId: whole,
  startFrame: v.optional(v.pipe(whole, v.minValue(0)), 0),
  levels: v.optional(v.pipe(whole, v.minValue(0)), 0),
});
export const frameArguments = v.object({ frameId: whole });
export const variablesArguments = v.object({
  variablesReference: whole,
  filter: v.optional(v.picklist(['indexed', 'named'])),
  start: v.optional(v.pipe(whole, v.minValue(0)), 0),
  count: v.optional(v.pipe(whole, v.minValue(0)), 0),
  format,
});
export const setVariableArguments = v.object({ variablesReference: whole, name: text, value: text, format });
export const setExpressionArguments = v.object({ expression: text, value: text, frameId: v.optional(whole), format });
export const evaluateArguments = v.object({
  expression: text,
  frameId: v.optional(whole),
  context: v.optional(text, 'repl'),
  format,
});
export const completionsArguments = v.object({
  frameId: v.optional(whole),
  text,
  column: v.pipe(whole, v.minValue(1)),
  line: v.optional(whole, 1),
});
export const readMemoryArguments = v.object({
  memoryReference: text,
  offset: v.optional(whole, 0),
  count: v.pipe(whole, v.minValue(0), v.maxValue(1024 * 1024)),
});
export const writeMemoryArguments = v.object({
  memoryReference: text,
  offset: v.optional(whole, 0),
  allowPartial: v.optional(v.boolean(), false),
  data: v.pipe(text, v.base64('must be base64'), v.maxLength(2 * 1024 * 1024)),
});
export const disassembleArguments = v.object({
  memoryReference: text,
  offset: v.optional(whole, 0),
  instructionOffset: v.optional(whole, 0),
  instructionCount: v.pipe(whole, v.minValue(0), v.maxValue(10_000)),
});
export const gotoTargetsArguments = v.object({ source: v.object({ path: optionalText }), line: whole });
export const gotoArguments = v.object({ threadId: whole, targetId: whole });
export const modulesArguments = v.object({
  startModule: v.optional(v.pipe(whole, v.minValue(0)), 0),
  moduleCount: v.optional(v.pipe(whole, v.minValue(0)), 0),
});
export const sourceArguments = v.object({ sourceReference: whole });
export const breakpointLocationsArguments = v.object({
  source: v.object({ path: optionalText }),
  line: whole,
  endLine: v.optional(whole),
});
export const disconnectArguments = v.object({ terminateDebuggee: v.optional(v.boolean()) });
