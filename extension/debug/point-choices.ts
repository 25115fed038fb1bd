/**
 * Which signal and wait points stop: check boxes, kept for the workspace, told to each session. A place in a source is known by its
 * function and its call there, so that edits above it do not lose it.
 */
import type { FilePoint } from '../../debug-adapter/source-points/source-point-index.js';
import type { PointRole } from '../../machine/point.js';
import { POINTS } from '../../machine/points.js';
import type { PointSetting, PointStatus } from '../../protocol/debug-requests.js';

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

/** The functions at which every signal of, or wait for, such an object passes once: the lowest of each side. */
function functionsFor(role: PointRole, typeName: string): string[] {
  const type = typeName.toLowerCase();
  return POINTS.filter(
    (point) =>
      point.role === role &&
      (point.layer === 'kernel' || point.layer === 'native') &&
      (point.object === type || point.object === 'any') &&
      point.wine !== 'absent',
  ).map(({ name }) => name);
}

/** What a session is told of a choice of an object: one point a function, with ids that begin with the choice's key. */
export function settingsOfObject(choice: ObjectChoice): PointSetting[] {
  if (!choice.checked) return [];
  // In a condition's text a backslash is written twice.
  const condition = `object == "${choice.path.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  return functionsFor(choice.role, choice.typeName).map((point) => ({
    id: `${objectKey(choice)}|${point}`,
    point,
    condition,
  }));
}

/** @param pathOf a file's key as the adapter knows the file */
export function settingsOfPoints(
  points: readonly FilePoint[],
  chosen: ReadonlySet<string>,
  pathOf: (file: string) => string,
): PointSetting[] {
  const keys = pointKeys(points);
  return points.flatMap(({ file, at }, index) => {
    const id = keys[index];
    if (id === undefined || !chosen.has(id)) return [];
    return [{ id, point: at.point.name, place: { path: pathOf(file), line: at.line + 1 } }];
  });
}

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
