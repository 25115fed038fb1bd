/** The check boxes of the Breakpoints view for signal and wait points, and what each of them stands for in the catalogue. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { POINTS, rolesOf, type Point, type PointRole, type PointSide } from '../../../machine/points.js';

/** What of a point stops: its call, or (of a wait) its result. */
export type PointAspect = 'signal' | 'wait' | 'waitSatisfied' | 'waitTimedOut' | 'reset' | 'lifecycle';

interface AspectText {
  readonly aspect: PointAspect;
  readonly role: PointRole;
  readonly label: string;
  readonly description: string;
  /** Reason of the stop, as DAP tells it. */
  readonly reason: string;
}

const ASPECTS: readonly AspectText[] = [
  {
    ...{ aspect: 'signal', role: 'signal', label: 'Signal points', reason: 'signal point' },
    description: 'Stops where a dispatcher object is signaled, before it happens.',
  },
  {
    ...{ aspect: 'wait', role: 'wait', label: 'Wait points', reason: 'wait point' },
    description: 'Stops where a wait begins.',
  },
  {
    ...{ aspect: 'waitSatisfied', role: 'wait', label: 'Wait satisfied', reason: 'wait satisfied' },
    description: 'Stops where a wait returns because its object was signaled.',
  },
  {
    ...{ aspect: 'waitTimedOut', role: 'wait', label: 'Wait timed out', reason: 'wait timed out' },
    description: 'Stops where a wait returns because its time was over.',
  },
  {
    ...{ aspect: 'reset', role: 'reset', label: 'Reset points', reason: 'reset point' },
    description: 'Stops where a dispatcher object is reset.',
  },
  {
    ...{ aspect: 'lifecycle', role: 'lifecycle', label: 'Lifecycle points', reason: 'lifecycle point' },
    description: 'Stops where a dispatcher object is created, opened, referenced or closed.',
  },
];

const SIDES: readonly PointSide[] = ['kernel', 'user'];
const CONDITION_HELP = 'Such as event == "\\\\BaseNamedObjects\\\\SharedEvent" && thread.name ~ "dpc"';

export interface PointFilter {
  readonly id: string;
  readonly aspect: PointAspect;
  readonly side: PointSide;
  readonly points: readonly Point[];
}

export const POINT_FILTERS: readonly PointFilter[] = ASPECTS.flatMap(({ aspect, role }) =>
  SIDES.map((side) => ({ id: `${aspect}.${side}`, aspect, side, points: pointsOf(role, side, aspect) })),
);

export const POINT_EXCEPTION_FILTERS: readonly DebugProtocol.ExceptionBreakpointsFilter[] = ASPECTS.flatMap((text) =>
  SIDES.map((side) => ({
    filter: `${text.aspect}.${side}`,
    label: `${text.label} (${side})`,
    description: text.description,
    default: false,
    supportsCondition: true,
    conditionDescription: CONDITION_HELP,
  })),
);

export const reasonOf = (aspect: PointAspect): string =>
  ASPECTS.find((each) => each.aspect === aspect)?.reason ?? aspect;

/** Results are of waits that can be satisfied; an operation is counted at one layer: Nt of applications, the kernel's exports of drivers. */
function pointsOf(role: PointRole, side: PointSide, aspect: PointAspect): readonly Point[] {
  const isResult = aspect === 'waitSatisfied' || aspect === 'waitTimedOut';
  return POINTS.filter(
    (point) =>
      point.side === side &&
      point.layer !== 'win32' &&
      rolesOf(point).includes(role) &&
      !['address', 'queue'].includes(point.object) &&
      !['delay', 'wake'].includes(point.action) &&
      (!isResult || point.returns === 'waitStatus'),
  );
}

/** What an aspect of a single point is: its call. */
export function aspectOf(point: Point): PointAspect {
  return point.role;
}
