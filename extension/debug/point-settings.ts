/** What a session is told of the points that were chosen. Asked for when there is a session: the catalogue of points comes with it. */
import type { FilePoint } from '../../debug-adapter/source-points/source-point-index.js';
import type { PointRole } from '../../machine/point.js';
import { POINTS } from '../../machine/points.js';
import type { PointSetting } from '../../protocol/debug-requests.js';
import { objectKey, type ObjectChoice, pointKeys } from './point-choices.js';

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
