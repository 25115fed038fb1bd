/** One breakpoint as the client knows it, and the places in the target where it is set. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { EventscopeError } from '../../protocol/errors.js';
import { parseExpression } from '../expression/parser.js';
import type { BreakpointId, BreakpointKind, Engine, SpaceId } from '../engine.js';
import { parseHitCondition, type HitCondition } from './hit-condition.js';
import type { LoadedModule } from './inventory.js';
import { parseLogMessage, type LogPart } from './log-message.js';

export type BreakpointSpec =
  | { readonly kind: 'source'; readonly path: string; readonly line: number; readonly column: number | undefined }
  /** `module!function`, `function`, or the beginning of names with a `*` at its end. */
  | { readonly kind: 'function'; readonly name: string }
  | { readonly kind: 'instruction'; readonly engine: Engine; readonly space: SpaceId; readonly address: bigint }
  | {
      readonly kind: 'data';
      readonly engine: Engine;
      readonly space: SpaceId;
      readonly address: bigint;
      readonly length: number;
      readonly access: Extract<BreakpointKind, 'write' | 'readwrite'>;
    };

export interface BreakpointOptions {
  readonly condition?: string | undefined;
  readonly hitCondition?: string | undefined;
  readonly logMessage?: string | undefined;
}

export interface Site {
  readonly engine: Engine;
  readonly space: SpaceId;
  readonly address: bigint;
  readonly breakpoint: BreakpointId;
  readonly module: LoadedModule | undefined;
  readonly line: number | undefined;
}

export class SessionBreakpoint {
  readonly hitCondition: HitCondition | undefined;
  readonly logParts: readonly LogPart[] | undefined;
  /** What is wrong with it, for ever: it is never set. */
  readonly mistake: string | undefined;
  /** Hits whose condition held. */
  hits = 0;
  sites: Site[] = [];
  /** Why it is not set, as long as it is not. */
  trouble: string | undefined;
  /** Bytes that a data breakpoint watches, as they were. */
  before: Uint8Array | undefined;

  constructor(
    readonly id: number,
    readonly spec: BreakpointSpec,
    readonly options: BreakpointOptions,
  ) {
    try {
      const { condition, hitCondition, logMessage } = options;
      if (condition !== undefined && condition.trim() !== '') parseExpression(condition);
      if (hitCondition !== undefined && hitCondition.trim() !== '') this.hitCondition = parseHitCondition(hitCondition);
      if (logMessage !== undefined && logMessage !== '') this.logParts = parseLogMessage(logMessage);
    } catch (error) {
      if (!(error instanceof EventscopeError)) throw error;
      this.mistake = error.message;
    }
  }

  get condition(): string | undefined {
    const { condition } = this.options;
    return condition === undefined || condition.trim() === '' ? undefined : condition;
  }

  /** Whether a request of the client means this one, so that it keeps its number, hits and places. */
  isSame(spec: BreakpointSpec, options: BreakpointOptions): boolean {
    const same = (a: string | undefined, b: string | undefined): boolean => (a ?? '') === (b ?? '');
    return (
      keyOf(this.spec) === keyOf(spec) &&
      same(this.options.condition, options.condition) &&
      same(this.options.hitCondition, options.hitCondition) &&
      same(this.options.logMessage, options.logMessage)
    );
  }

  /** @param pending what it waits for, when nothing went wrong and it is set nowhere */
  toDap(pending: string, reference: (site: Site) => string): DebugProtocol.Breakpoint {
    const [site] = this.sites;
    const asked = this.spec.kind === 'source' ? { line: this.spec.line, source: { path: this.spec.path } } : {};
    if (site === undefined) {
      const failed = this.mistake ?? this.trouble;
      return {
        id: this.id,
        verified: false,
        message: failed ?? pending,
        reason: failed === undefined ? 'pending' : 'failed',
        ...asked,
      };
    }
    const several = this.sites.length > 1 ? { message: `set at ${this.sites.length} places` } : {};
    return {
      id: this.id,
      verified: true,
      ...asked,
      ...(site.line === undefined || this.spec.kind !== 'source' ? {} : { line: site.line }),
      ...(this.spec.kind === 'data' ? {} : { instructionReference: reference(site) }),
      ...several,
    };
  }
}

function keyOf(spec: BreakpointSpec): string {
  switch (spec.kind) {
    case 'source':
      return `source ${spec.path}:${spec.line}:${spec.column ?? 0}`;
    case 'function':
      return `function ${spec.name}`;
    case 'instruction':
      return `instruction ${spec.engine.kind} ${spec.space} ${spec.address}`;
    case 'data':
      return `data ${spec.engine.kind} ${spec.space} ${spec.address} ${spec.length} ${spec.access}`;
  }
}
