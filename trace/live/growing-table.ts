/** Columns of one length that grow, and can be cut back to what they were. */
import type { Column } from '../columns/columns.js';

export type ColumnTypes<K extends string> = Readonly<Record<K, new (length: number) => Column>>;

export class GrowingTable<K extends string> {
  #count = 0;
  readonly #columns: Record<K, Column>;
  readonly #names: readonly K[];

  constructor(types: ColumnTypes<K>) {
    this.#names = Object.keys(types) as K[];
    this.#columns = Object.fromEntries(this.#names.map((name) => [name, new types[name](0)])) as Record<K, Column>;
  }

  get count(): number {
    return this.#count;
  }

  /** Adds rows [from, until) of other columns. */
  append(rows: Readonly<Record<K, Column>>, from: number, until: number): void {
    if (until <= from) return;
    this.#reserve(until - from);
    for (const name of this.#names) this.#columns[name].set(rows[name].subarray(from, until), this.#count);
    this.#count += until - from;
  }

  /** Takes away all rows from this one on. */
  truncate(count: number): void {
    this.#count = Math.min(this.#count, count);
  }

  /** All rows of a column. Good until rows are added. */
  column(name: K): Column {
    return this.#columns[name].subarray(0, this.#count);
  }

  #reserve(rows: number): void {
    const room = this.#columns[this.#names[0] as K].length;
    if (this.#count + rows <= room) return;
    for (const name of this.#names) {
      const column = this.#columns[name];
      const larger = new (column.constructor as new (length: number) => Column)(
        Math.max(this.#count + rows, Math.ceil(room * 1.5)),
      );
      larger.set(column.subarray(0, this.#count));
      this.#columns[name] = larger;
    }
  }
}
