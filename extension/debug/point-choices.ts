/**
 * Which signal and wait points stop: check boxes, kept for the workspace, told to each session. A place in a source is known by its
 * function and its call there, so that edits above it do not lose it.
 */
import type { FilePoint } from '../../debug-adapter/source-points/source-point-index.js';
import type { PointStatus } from '../../protocol/debug-requests.js';

/** A stop at whatever signals, or waits for, one named object, wherever the call is. */
export interface ObjectChoice {
  /** Object manager path. */
  readonly path: string;
  readonly typeName: string;
  readonly role: 'signal' | 'wait';
  readonly checked: boolean;
}

/** A file's points -> their keys, in the same order: file, function, called name, and which of such calls it is. */
export function pointKeys(points: readonly FilePoint[]): string[] {
  const seen = new Map<string, number>();
  return points.map(({ file, at }) => {
    const place = `${file}|${at.inFunction ?? ''}|${at.called}`;
    const index = seen.get(place) ?? 0;
    seen.set(place, index + 1);
    return `${place}|${index}`;
  });
}

export const objectKey = ({ role, path }: Pick<ObjectChoice, 'role' | 'path'>): string => `${role}|${path}`;

/** What a choice of several functions has come to: hits added up, verified when one is. */
export function joinStatuses(statuses: readonly PointStatus[]): PointStatus | undefined {
  const [first] = statuses;
  if (first === undefined) return undefined;
  const best = statuses.find(({ verified }) => verified) ?? first;
  return {
    ...best,
    hits: statuses.reduce((sum, { hits }) => sum + hits, 0),
    filtered: statuses.reduce((sum, { filtered }) => sum + filtered, 0),
  };
}
