/**
 * The signal and wait points of a whole workspace, file by file: filled in slices, kept up with edits, bounded. Files are named by any
 * key that the caller has for them (a URI); nothing here reads a disk.
 */
import { Edit, type Tree } from 'web-tree-sitter';
import type { PointSide } from '../../machine/point.js';
import type { CSyntax } from './c-syntax.js';
import type { SourceLanguage } from './source-file.js';
import { findSourcePoints, mayHavePoints, type SourcePoint } from './source-points.js';

/** Points of a workspace that are kept; far more than anybody looks through. */
const MAX_POINTS = 20_000;
/** Trees kept for files that are being edited, so that an edit costs what it changed; a tree takes some ten times its text. */
const MAX_TREES = 8;

export interface FilePoint {
  readonly file: string;
  readonly at: SourcePoint;
}

export interface PointGroup {
  /** Object or function; undefined: calls that tell no object. */
  readonly label: string | undefined;
  readonly points: readonly FilePoint[];
}

/** One change of a text, as editors tell it: offsets and columns in UTF-16 units. */
export interface TextChange {
  readonly offset: number;
  readonly removed: number;
  readonly text: string;
  readonly start: { readonly line: number; readonly column: number };
  readonly end: { readonly line: number; readonly column: number };
}

function asEdit({ offset, removed, text, start, end }: TextChange): Edit {
  const lines = text.split('\n');
  const last = lines.at(-1)?.length ?? 0;
  return new Edit({
    startIndex: offset,
    oldEndIndex: offset + removed,
    newEndIndex: offset + text.length,
    startPosition: { row: start.line, column: start.column },
    oldEndPosition: { row: end.line, column: end.column },
    newEndPosition: {
      row: start.line + lines.length - 1,
      column: lines.length === 1 ? start.column + last : last,
    },
  });
}

export class SourcePointIndex {
  readonly #syntax: CSyntax;
  readonly #files = new Map<string, readonly SourcePoint[]>();
  /** In the order of their last use. */
  readonly #trees = new Map<string, Tree>();
  readonly #skipped = new Set<string>();
  #count = 0;

  constructor(syntax: CSyntax) {
    this.#syntax = syntax;
  }

  get count(): number {
    return this.#count;
  }
  /** Files that were too large, or came when no more points could be kept. */
  get skipped(): ReadonlySet<string> {
    return this.#skipped;
  }

  pointsOf(file: string): readonly SourcePoint[] {
    return this.#files.get(file) ?? [];
  }

  /**
   * Takes a file's text as it is now.
   * @param keep it is being edited: the next text comes with its changes
   * @returns whether its points may be others than before
   */
  set(file: string, text: string, language: SourceLanguage, keep = false): boolean {
    this.#dropTree(file);
    return this.#parse(file, text, language, undefined, keep);
  }

  /** Takes an edited file's text, and what changed since the last one: only that is parsed. */
  edit(file: string, text: string, language: SourceLanguage, changes: readonly TextChange[]): boolean {
    const tree = this.#trees.get(file);
    // Several changes come last in the file first, so that each one's offsets hold when it is applied.
    for (const change of changes) tree?.edit(asEdit(change));
    return this.#parse(file, text, language, tree, true);
  }

  remove(file: string): boolean {
    this.#dropTree(file);
    return this.#put(file, []);
  }

  /** Its editor was closed: the points stay. */
  release(file: string): void {
    this.#dropTree(file);
  }

  #parse(file: string, text: string, language: SourceLanguage, old: Tree | undefined, keep: boolean): boolean {
    if (!mayHavePoints(text)) {
      this.#dropTree(file);
      return this.#put(file, []);
    }
    const tree = this.#count < MAX_POINTS ? this.#syntax.parse(text, language, old) : undefined;
    old?.delete();
    this.#trees.delete(file);
    if (tree === undefined) {
      this.#put(file, []);
      this.#skipped.add(file);
      return true;
    }
    const points = findSourcePoints(tree);
    if (keep) this.#keepTree(file, tree);
    else tree.delete();
    return this.#put(file, points);
  }

  #put(file: string, points: readonly SourcePoint[]): boolean {
    const before = this.#files.get(file)?.length ?? 0;
    this.#skipped.delete(file);
    this.#count += points.length - before;
    if (points.length === 0) this.#files.delete(file);
    else this.#files.set(file, points);
    return before > 0 || points.length > 0;
  }

  #keepTree(file: string, tree: Tree): void {
    this.#trees.set(file, tree);
    const [oldest] = this.#trees.keys();
    if (this.#trees.size > MAX_TREES && oldest !== undefined) this.#dropTree(oldest);
  }

  #dropTree(file: string): void {
    this.#trees.get(file)?.delete();
    this.#trees.delete(file);
  }

  *#all(side?: PointSide): Generator<FilePoint> {
    for (const [file, points] of this.#files) {
      for (const at of points) if (side === undefined || at.side === side) yield { file, at };
    }
  }

  /** Points of one object over both sides, objects by name; those that tell none come last. */
  byObject(): PointGroup[] {
    return groups(this.#all(), ({ at }) => at.object);
  }

  /** Points of a side by the function that they call. */
  ofSide(side: PointSide): PointGroup[] {
    return groups(this.#all(side), ({ at }) => at.point.name);
  }

  dispose(): void {
    for (const tree of this.#trees.values()) tree.delete();
    this.#trees.clear();
    this.#files.clear();
    this.#count = 0;
  }
}

function groups(points: Iterable<FilePoint>, labelOf: (point: FilePoint) => string | undefined): PointGroup[] {
  const found = new Map<string | undefined, FilePoint[]>();
  for (const point of points) {
    const label = labelOf(point);
    const group = found.get(label);
    if (group === undefined) found.set(label, [point]);
    else group.push(point);
  }
  return [...found]
    .map(([label, members]) => ({ label, points: members.sort(byPlace) }))
    .sort((a, b) => compareLabels(a.label, b.label));
}

function byPlace(a: FilePoint, b: FilePoint): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.at.line - b.at.line || a.at.column - b.at.column;
}

function compareLabels(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? 1 : -1;
  return a.localeCompare(b);
}
