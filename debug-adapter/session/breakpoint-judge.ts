/** Whether a hit of one of the client's breakpoints stops: its condition, its count, and whether it only logs. */
import { EventscopeError } from '../../protocol/errors.js';
import { evaluate, evaluateCondition } from '../expression/evaluator.js';
import { display } from '../variables/display.js';
import type { SessionBreakpoint } from './breakpoint.js';
import type { FrameScope } from './frame-scope.js';
import type { Inspector } from './inspector.js';
import type { SessionThread } from './inventory.js';

export interface Verdict {
  readonly stops: boolean;
  /** What a log point says: body of an output event. */
  readonly output?: object;
  /** For the description of the stop. */
  readonly note?: string;
}

export class BreakpointJudge {
  readonly #inspector: Inspector;
  readonly #host: (file: string) => string | undefined;

  /** @param host from a PDB's file name to the file on this machine */
  constructor(inspector: Inspector, host: (file: string) => string | undefined) {
    this.#inspector = inspector;
    this.#host = host;
  }

  async judge(breakpoint: SessionBreakpoint, thread: SessionThread | undefined, signal: AbortSignal): Promise<Verdict> {
    const [frame] = thread === undefined ? [] : await this.#inspector.stacks.top(thread);
    const scope = frame === undefined ? undefined : this.#inspector.scope(frame, signal);
    const { condition } = breakpoint;
    if (condition !== undefined && scope !== undefined) {
      try {
        if (!(await evaluateCondition(condition, scope))) return { stops: false };
      } catch (error) {
        if (!(error instanceof EventscopeError)) throw error;
        // What cannot be decided is shown, never passed over.
        breakpoint.hits += 1;
        return { stops: true, note: `The condition "${condition}" cannot be decided: ${error.message}` };
      }
    }
    breakpoint.hits += 1;
    if (breakpoint.hitCondition?.(breakpoint.hits) === false) return { stops: false };
    if (breakpoint.logParts !== undefined && scope !== undefined) {
      return { stops: false, output: await this.#log(breakpoint, scope) };
    }
    const change = await this.#dataChange(breakpoint);
    return { stops: true, ...(change === undefined ? {} : { note: change }) };
  }

  async #log(breakpoint: SessionBreakpoint, scope: FrameScope): Promise<object> {
    let output = '';
    for (const part of breakpoint.logParts ?? []) {
      output += part.kind === 'text' ? part.text : await this.#shown(part.text, scope);
    }
    const source = scope.frame.source?.source;
    const path = source === undefined ? undefined : this.#host(source.file);
    const place = path === undefined ? {} : { source: { path }, line: source?.line };
    return { category: 'console', output: `${output}\n`, ...place };
  }

  async #shown(expression: string, scope: FrameScope): Promise<string> {
    try {
      const { value, format } = await evaluate(expression, scope);
      return (await display(expression.trim(), value, scope, format)).text;
    } catch (error) {
      if (!(error instanceof EventscopeError)) throw error;
      return `<${error.why ?? error.message}>`;
    }
  }

  async #dataChange(breakpoint: SessionBreakpoint): Promise<string | undefined> {
    const { spec, before } = breakpoint;
    if (spec.kind !== 'data') return undefined;
    const [now] = await spec.engine.readMemory(spec.space, [{ address: spec.address, length: spec.length }]);
    breakpoint.before = now;
    if (before === undefined || now === undefined) return undefined;
    const [old, value] = [hex(before), hex(now)];
    return old === value ? `Touched, and still ${value}` : `Changed from ${old} to ${value}`;
  }
}

function hex(data: Uint8Array): string {
  return `0x${[...data].reverse().map((byte) => byte.toString(16).padStart(2, '0')).join('')}`; // prettier-ignore
}
