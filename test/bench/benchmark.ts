/** What a benchmark is, and the list of them. */
import type { Figure } from './figure.js';
import { debugging } from './debugging.js';
import { drain } from './drain.js';
import { extension } from './extension.js';
import { firstWake } from './first-wake.js';
import { kd } from './kd.js';
import { kdConnect } from './kd-connect.js';
import { kdPoints } from './kd-points.js';
import { listObjectsBench } from './list-objects.js';
import { objectTree, objectTreeOfMany } from './object-tree.js';
import { ring } from './ring.js';
import { stoppingTracepoints } from './stopping-tracepoints.js';
import { symbols } from './symbols.js';
import { timelines } from './timeline.js';
import { tracepoints } from './tracepoints.js';
import type { Bench } from './workspace.js';

export interface Benchmark {
  /** Names of the figures it gives; one run gives all of them. */
  readonly names: readonly string[];
  run(bench: Bench): Promise<readonly Figure[]>;
}

export const BENCHMARKS: readonly Benchmark[] = [
  ring,
  drain,
  firstWake,
  listObjectsBench,
  extension,
  objectTree,
  objectTreeOfMany,
  ...timelines,
  symbols,
  tracepoints,
  stoppingTracepoints,
  kd,
  kdConnect,
  kdPoints,
  debugging,
];
