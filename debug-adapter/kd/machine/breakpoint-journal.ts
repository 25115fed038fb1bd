/**
 * What we have written into a target's code, on this machine's disk: after a crash of the debugger the next attach puts it back. One line
 * is added before a byte is written and after it was restored, so that the file never says less than the target has.
 */
import { appendFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';

const hexAddress = v.pipe(
  v.string(),
  v.regex(/^0x[0-9a-f]{1,16}$/),
  v.transform((text) => BigInt(text)),
);
const Line = v.object({
  op: v.picklist(['insert', 'restore']),
  kind: v.picklist(['virtual', 'physical']),
  address: hexAddress,
  original: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255)),
  /** The kernel of the boot that it was written in: at another base it is another boot. */
  kernelBase: hexAddress,
});

export interface JournalEntry {
  readonly kind: 'virtual' | 'physical';
  readonly address: bigint;
  readonly original: number;
  readonly kernelBase: bigint;
}

const MAX_BYTES = 16 * 1024 * 1024;
const hex = (value: bigint): string => `0x${value.toString(16)}`;
const keyOf = (entry: Omit<JournalEntry, 'original'>): string => `${entry.kind}:${entry.address}:${entry.kernelBase}`;

export class BreakpointJournal {
  readonly #file: string;
  readonly #open = new Map<string, JournalEntry>();

  /** @param name the target's description; one journal a target */
  constructor(directory: string, name: string) {
    mkdirSync(directory, { recursive: true });
    this.#file = path.join(directory, `${name.replaceAll(/[^A-Za-z0-9.-]+/g, '_')}.jsonl`);
    this.#load();
  }

  /** What was inserted and not restored, by this debugger or one before it. */
  get entries(): readonly JournalEntry[] {
    return [...this.#open.values()];
  }

  /** Before the byte is written. */
  insert(entry: JournalEntry): void {
    this.#open.set(keyOf(entry), entry);
    this.#append('insert', entry);
  }

  /** After the original byte is back, or was found to be there. */
  restore(entry: JournalEntry): void {
    if (!this.#open.delete(keyOf(entry))) return;
    if (this.#open.size === 0) rmSync(this.#file, { force: true });
    else this.#append('restore', entry);
  }

  #append(op: 'insert' | 'restore', { kind, address, original, kernelBase }: JournalEntry): void {
    const line = { op, kind, address: hex(address), original, kernelBase: hex(kernelBase) };
    appendFileSync(this.#file, `${JSON.stringify(line)}\n`, { mode: 0o600 });
  }

  #load(): void {
    let text: string;
    try {
      text = readFileSync(this.#file, 'utf8').slice(0, MAX_BYTES);
    } catch {
      return;
    }
    for (const line of text.split('\n')) {
      // A crash may have cut the last line: what it says was not written yet.
      const entry = parseLine(line);
      if (entry === undefined) continue;
      if (entry.op === 'insert') this.#open.set(keyOf(entry), entry);
      else this.#open.delete(keyOf(entry));
    }
  }
}

function parseLine(line: string): v.InferOutput<typeof Line> | undefined {
  try {
    const result = v.safeParse(Line, JSON.parse(line));
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}
