/** What is known of handles, addresses and names so far, and whose they are: common to all steps of identification. */
import type { RecordingSource } from '../../recording.js';
import { objectPath } from '../../../machine/object-names.js';
import { EpochTable, UnionFind, type Epoch, type Namespace } from '../epochs.js';
import { Flag, Kind, type Gap, type RecordTable } from '../records.js';
import type { Waits } from '../waits.js';

export interface IdentityInput {
  readonly table: RecordTable;
  readonly sources: readonly RecordingSource[];
  /** Records by time. */
  readonly order: Uint32Array;
  readonly waits: Waits;
  readonly gaps: readonly Gap[];
  /** By source, ns. */
  readonly uncertainty: readonly number[];
}

/** 1 at each of the kinds: asked for every record. */
export const kindTable = (kinds: readonly number[]): Uint8Array => {
  const table = new Uint8Array(256);
  for (const kind of kinds) table[kind] = 1;
  return table;
};

export const LIFECYCLE = kindTable([
  ...[Kind.Create, Kind.Open, Kind.Reference, Kind.Dereference, Kind.Duplicate, Kind.Close, Kind.Initialize],
]);

/** A driver's calibrations bear the process that holds kernel handles: System, or the driver host under Wine. */
function hostProcess(table: RecordTable, source: number): number {
  const own = table.calibrations.find((record) => table.source[record] === source);
  return own === undefined ? 4 : (table.process[own] ?? 4);
}

export class Known {
  readonly in: IdentityInput;
  readonly sets = new UnionFind();
  /** By node. */
  readonly epochs: Epoch[] = [];
  readonly handles = new EpochTable('handle', this.sets, this.epochs);
  readonly pointers = new EpochTable('pointer', this.sets, this.epochs);
  /** Epoch's node of a record's object, by record; -1: of none. */
  readonly nodeOf: Int32Array;
  /** Paths by node. */
  readonly paths = new Map<number, string>();
  /** Creates and opens that failed, by record: the path that they asked for. */
  readonly failed = new Map<number, string>();
  /** By source: process whose handles a driver's own are. */
  readonly systemProcess: readonly number[];
  /** Handle epoch that a record began, by record. */
  readonly began = new Map<number, Epoch>();
  /** By source. */
  readonly losses: readonly (readonly Gap[])[];
  /** How far times of two sources may be off, ns. */
  readonly slack: number;

  /** By source: 1 for a driver's. */
  readonly #kernel: Uint8Array;

  constructor(input: IdentityInput) {
    this.in = input;
    this.#kernel = Uint8Array.from(input.sources, ({ side }) => (side === 'kernel' ? 1 : 0));
    this.nodeOf = new Int32Array(input.table.count).fill(-1);
    const { table, sources } = input;
    this.systemProcess = sources.map(({ process }, ordinal) => process ?? hostProcess(table, ordinal));
    this.losses = sources.map((_source, ordinal) => input.gaps.filter((gap) => gap.source === ordinal));
    this.slack = Math.min(1e9, 2 * Math.max(0, ...input.uncertainty));
  }

  isKernel(record: number): boolean {
    return this.#kernel[this.in.table.source[record] ?? 0] === 1;
  }

  isHandle(record: number): boolean {
    return !this.isKernel(record) || ((this.in.table.flags[record] ?? 0) & Flag.ObjectIsHandle) !== 0;
  }

  /** Table of a record's handle. A driver's own handles are in a table of their own, whatever process it runs in. */
  space(record: number): Namespace {
    const { table } = this.in;
    const process = table.process[record] ?? 0;
    const source = table.source[record] ?? 0;
    const own = process === 0 || process === this.systemProcess[source];
    return this.isKernel(record) && own ? -(source + 1) : process;
  }

  end(record: number): number {
    return (this.in.table.time[record] ?? 0) + (this.in.table.duration[record] ?? 0);
  }

  path(record: number, name: string): string {
    const source = this.in.sources[this.in.table.source[record] ?? 0];
    return objectPath(name, source?.side ?? 'user', source?.session);
  }

  use(record: number): Epoch {
    const { table } = this.in;
    const object = table.object[record] ?? 0;
    const time = table.time[record] ?? 0;
    if (this.isHandle(record)) return this.handles.use(this.space(record), object, time, this.slack);
    return this.pointers.use(table.source[record] ?? 0, object, time, 0);
  }

  /** It names an object that another name may name as well, and that cannot be told. */
  doubt(node: number): void {
    const epoch = this.epochs[node];
    if (epoch !== undefined) epoch.uncertainFrom = -Infinity;
  }
}
