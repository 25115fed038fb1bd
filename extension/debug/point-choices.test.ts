import assert from 'node:assert/strict';
import type { FilePoint } from '../../debug-adapter/source-points/source-point-index.js';
import { parseFilter } from '../../machine/conditions.js';
import { pointNamed } from '../../machine/points.js';
import type { PointStatus } from '../../protocol/debug-requests.js';
import { joinStatuses, pointKeys } from './point-choices.js';
import { settingsOfObject, settingsOfPoints } from './point-settings.js';

function at(inFunction: string, called: string, line: number): FilePoint {
  const point = pointNamed(called);
  assert.ok(point !== undefined);
  const place = { line, column: 4, endColumn: 9, object: undefined, expression: undefined };
  return {
    file: 'file:///p/events.c',
    at: { point, called, roles: [point.role], side: 'kernel', inFunction, ...place },
  };
}

describe('choices of points', () => {
  const before = [at('Signal', 'KeSetEvent', 10), at('Signal', 'KeSetEvent', 12), at('Wait', 'KeSetEvent', 30)];

  it('keep their place when lines come in above, and tell the calls of a function apart', () => {
    const moved = before.map(({ file, at: point }) => ({ file, at: { ...point, line: point.line + 7 } }));
    assert.deepEqual(pointKeys(moved), pointKeys(before));
    assert.equal(new Set(pointKeys(before)).size, 3);
  });

  it('tell the adapter the function and the line of those that are chosen, lines from 1', () => {
    const key = pointKeys(before)[1] ?? '';
    const settings = settingsOfPoints(before, new Set([key, 'gone|x|y|0']), () => '/p/events.c');
    assert.deepEqual(settings, [{ id: key, point: 'KeSetEvent', place: { path: '/p/events.c', line: 13 } }]);
  });

  it('of an object: its signals at the lowest function of each side, with a condition that can be read', () => {
    const path = '\\BaseNamedObjects\\Shared "1"';
    const settings = settingsOfObject({ path, typeName: 'Event', role: 'signal', checked: true });
    const points = settings.map(({ point }) => point);
    for (const name of ['KeSetEvent', 'KePulseEvent', 'NtSetEvent']) assert.ok(points.includes(name), name);
    for (const name of ['SetEvent', 'KeReleaseMutex', 'NtWaitForSingleObject']) assert.ok(!points.includes(name), name);
    const { condition } = parseFilter(settings[0]?.condition ?? '');
    assert.deepEqual(condition, { kind: 'text', field: 'object', comparison: '==', value: path });
    assert.deepEqual(settingsOfObject({ path, typeName: 'Event', role: 'wait', checked: false }), []);
  });

  it('count the hits of all their functions, and are set when one is', () => {
    const status = (hits: number, verified: boolean): PointStatus => ({
      ...{ id: String(hits), verified, hits, filtered: 1 },
      mechanism: verified ? 'breakpoint' : 'none',
    });
    const joined = joinStatuses([status(0, false), status(3, true), status(4, true)]);
    assert.deepEqual([joined?.hits, joined?.filtered, joined?.verified, joined?.mechanism], [7, 3, true, 'breakpoint']);
    assert.equal(joinStatuses([]), undefined);
  });
});
