/** When the debugger held the target, as its sessions say it. Times are this machine's clock, ms since 1970. */
import * as vscode from 'vscode';
import * as v from 'valibot';
import { DEBUG_TYPE } from '../../debug-adapter/session/configuration.js';
import type { RecordingStop } from '../../trace/recording.js';

/** More stops than a timeline draws; the oldest go. */
const KEPT_STOPS = 10_000;

export interface DebugStop {
  readonly fromUtcMs: number;
  /** null: it stands there now. */
  readonly untilUtcMs: number | null;
  readonly reason: string;
}

const stopped = v.object({
  type: v.literal('event'),
  event: v.literal('stopped'),
  body: v.object({ reason: v.string(), description: v.optional(v.string()) }),
});
const goesOn = v.union([
  v.object({ type: v.literal('event'), event: v.picklist(['continued', 'terminated']) }),
  v.object({
    type: v.literal('response'),
    command: v.picklist(['continue', 'next', 'stepIn', 'stepOut', 'disconnect', 'terminate']),
    success: v.literal(true),
  }),
]);

export class DebugStops implements vscode.DebugAdapterTrackerFactory, vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.#changed.event;
  readonly #registration: vscode.Disposable;
  #stops: DebugStop[] = [];

  constructor() {
    this.#registration = vscode.debug.registerDebugAdapterTrackerFactory(DEBUG_TYPE, this);
  }

  get all(): DebugStop[] {
    return [...this.#stops];
  }

  /** Those of a recording, cut to it. */
  within(fromUtcMs: number, untilUtcMs: number): RecordingStop[] {
    return this.#stops
      .map((stop) => ({
        fromUtcMs: Math.max(stop.fromUtcMs, fromUtcMs),
        untilUtcMs: Math.min(stop.untilUtcMs ?? Infinity, untilUtcMs),
        reason: stop.reason,
      }))
      .filter((stop) => stop.untilUtcMs > stop.fromUtcMs);
  }

  createDebugAdapterTracker(): vscode.DebugAdapterTracker {
    return {
      onDidSendMessage: (message: unknown) => this.take(message, Date.now()),
      onExit: () => this.#end(Date.now()),
    };
  }

  /** A message of the debug adapter. */
  take(message: unknown, utcMs: number): void {
    if (v.is(stopped, message)) {
      const { reason, description } = message.body;
      this.#end(utcMs);
      this.#stops.push({ fromUtcMs: utcMs, untilUtcMs: null, reason: (description ?? reason).slice(0, 1_000) });
      this.#stops = this.#stops.slice(-KEPT_STOPS);
      this.#changed.fire();
    } else if (v.is(goesOn, message)) this.#end(utcMs);
  }

  #end(utcMs: number): void {
    const last = this.#stops.at(-1);
    if (last?.untilUtcMs !== null) return;
    this.#stops[this.#stops.length - 1] = { ...last, untilUtcMs: utcMs };
    this.#changed.fire();
  }

  dispose(): void {
    this.#registration.dispose();
    this.#changed.dispose();
  }
}
