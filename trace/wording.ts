/** Words for times, threads and objects, the same in every report. */
import type { DrawnModel } from './model/model.js';
import type { TraceObject } from './model/objects.js';
import { printable } from '../machine/object-names.js';
import { describeNtstatus } from '../machine/status.js';
import { OUTCOME_WORDS, Outcome } from './model/waits.js';

/** "43.1 us": three figures at most, of ns. */
export function duration(ns: number): string {
  const units: readonly (readonly [number, string])[] = [
    [1e9, 's'],
    [1e6, 'ms'],
    [1e3, 'us'],
  ];
  for (const [size, unit] of units) {
    if (Math.abs(ns) < size * 0.9995) continue;
    const value = ns / size;
    return `${value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2)} ${unit}`;
  }
  return `${Math.round(ns)} ns`;
}

/** "1 signal", "2 signals". */
export const counted = (count: number, one: string, several = `${one}s`): string =>
  `${count} ${count === 1 ? one : several}`;

/** ", of which the debugger held the target 301 ms" after a time; ns. Empty when it did not. */
export const heldText = (held: number): string =>
  held > 0 ? `, of which the debugger held the target ${duration(held)}` : '';

/** How a wait ended: "timed out", "failed: STATUS_INVALID_HANDLE (0xC0000008)". @param outcome an `Outcome` @param status NTSTATUS */
export const outcomeText = (outcome: number, status: number): string =>
  outcome === Outcome.Failed ? `failed: ${describeNtstatus(status)}` : (OUTCOME_WORDS[outcome] ?? '');

/** "STATUS_TIMEOUT (0x00000102)" and what it means, where that is known. */
export const statusText = describeNtstatus;

/** "+201.312 ms" since the start. */
export const moment = (ns: number): string => `+${(ns / 1e6).toFixed(3)} ms`;

/** First word of a source's description, without its ending: "eventsys". */
export function programName(model: DrawnModel, source: number): string {
  const description = model.recording.sources[source]?.description ?? 'unknown';
  const word = description.split(/\s/)[0] ?? description;
  return printable(
    word.slice(Math.max(word.lastIndexOf('\\'), word.lastIndexOf('/')) + 1).replace(/\.(exe|sys)$/i, ''),
  );
}

/** "eventapp waiter", "eventsys DPC", "eventsys thread 132". */
export function threadName(model: DrawnModel, thread: number, deferred = false): string {
  const entry = model.threads[thread];
  if (entry === undefined) return 'unknown';
  const program = programName(model, entry.source);
  if (entry.name !== undefined && entry.name !== '') {
    const name = printable(entry.name);
    return name.toLowerCase().startsWith(program.toLowerCase()) ? name : `${program} ${name}`;
  }
  return deferred || entry.deferred ? `${program} DPC` : `${program} thread ${entry.thread}`;
}

/** "notification event", "synchronization timer", "mutant". */
export function objectKind({ type, kind }: TraceObject): string {
  return type === 'unknown' ? 'object' : kind === 'unknown' ? type : `${kind} ${type}`;
}

export const objectName = (object: TraceObject | undefined): string => printable(object?.label ?? 'an unknown object');

/** A table with columns as wide as their content; numbers to the right. */
export function aligned(rows: readonly (readonly string[])[], right: ReadonlySet<number> = new Set()): string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, at) => (widths[at] = Math.max(widths[at] ?? 0, cell.length)));
  return rows.map((row) =>
    row
      .map((cell, at) => (right.has(at) ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}
