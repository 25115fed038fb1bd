/**
 * What a step of a build was made from, so that a step whose inputs are the same is not done again. Contents count, not
 * times: a fresh checkout with the same text rebuilds nothing. Times only save reading a file again.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import type { Diagnostic } from './diagnostics.js';

const hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const relatedPlace = v.strictObject({ file: v.string(), line: v.number(), column: v.number(), message: v.string() });
const diagnostic = v.strictObject({
  file: v.string(),
  line: v.number(),
  column: v.number(),
  endLine: v.exactOptional(v.number()),
  endColumn: v.exactOptional(v.number()),
  severity: v.picklist(['error', 'warning', 'note']),
  code: v.exactOptional(v.string()),
  message: v.string(),
  symbol: v.exactOptional(v.string()),
  related: v.pipe(v.array(relatedPlace), v.readonly()),
});
const step = v.strictObject({
  /** Of command line, tools, and contents of all inputs. */
  fingerprint: hash,
  inputs: v.array(v.string()),
  /** Contents of the output when the step was done: an output that somebody changed is made anew. */
  outputs: v.record(v.string(), hash),
  diagnostics: v.array(diagnostic),
});
const buildState = v.strictObject({
  version: v.literal(1),
  steps: v.record(v.string(), step),
  files: v.record(v.string(), v.strictObject({ size: v.number(), mtimeMs: v.number(), sha256: hash })),
});

export type Step = v.InferOutput<typeof step>;

/** The memory of one build folder, in one file. A file that is damaged or of another version means: build all. */
export class BuildState {
  readonly #file: string;
  readonly #steps: Map<string, Step>;
  readonly #files: Map<string, { size: number; mtimeMs: number; sha256: string }>;
  /** Asked in this build: each file's stat is taken once. */
  readonly #current = new Map<string, Promise<string | undefined>>();

  private constructor(file: string, state: v.InferOutput<typeof buildState> | undefined) {
    this.#file = file;
    this.#steps = new Map(Object.entries(state?.steps ?? {}));
    this.#files = new Map(Object.entries(state?.files ?? {}));
  }

  static async load(file: string): Promise<BuildState> {
    try {
      const result = v.safeParse(buildState, JSON.parse(await readFile(file, 'utf8')));
      return new BuildState(file, result.success ? result.output : undefined);
    } catch {
      return new BuildState(file, undefined);
    }
  }

  step(name: string): Step | undefined {
    return this.#steps.get(name);
  }

  /** True when the step was done before from the same command and inputs and its outputs are still what it made. */
  async isCurrent(name: string, command: unknown): Promise<boolean> {
    const known = this.#steps.get(name);
    if (known === undefined) return false;
    if (known.fingerprint !== (await this.#fingerprint(command, known.inputs))) return false;
    for (const [file, sha256] of Object.entries(known.outputs)) {
      if ((await this.hashOf(file)) !== sha256) return false;
    }
    return true;
  }

  async done(
    name: string,
    command: unknown,
    inputs: readonly string[],
    outputs: readonly string[],
    diagnostics: readonly Diagnostic[],
  ): Promise<void> {
    const hashes: Record<string, string> = {};
    for (const file of outputs) {
      this.#current.delete(file);
      const sha256 = await this.hashOf(file);
      if (sha256 !== undefined) hashes[file] = sha256;
    }
    const sorted = [...inputs].sort();
    const fingerprint = await this.#fingerprint(command, sorted);
    if (fingerprint !== undefined)
      this.#steps.set(name, { fingerprint, inputs: sorted, outputs: hashes, diagnostics: [...diagnostics] });
  }

  /** Steps of sources that are no longer part of the project, and files nobody names. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const name of this.#steps.keys()) if (!names.has(name)) this.#steps.delete(name);
    const files = new Set([...this.#steps.values()].flatMap((item) => [...item.inputs, ...Object.keys(item.outputs)]));
    for (const file of this.#files.keys()) if (!files.has(file)) this.#files.delete(file);
  }

  async save(): Promise<void> {
    const state: v.InferOutput<typeof buildState> = {
      version: 1,
      steps: Object.fromEntries(this.#steps),
      files: Object.fromEntries(this.#files),
    };
    await mkdir(path.dirname(this.#file), { recursive: true });
    const beside = `${this.#file}.${process.pid}.new`;
    try {
      await writeFile(beside, JSON.stringify(state));
      await rename(beside, this.#file);
    } finally {
      await rm(beside, { force: true });
    }
  }

  /** SHA-256 of a file's contents in hex; undefined when there is no such file. */
  hashOf(file: string): Promise<string | undefined> {
    let pending = this.#current.get(file);
    if (pending === undefined) {
      pending = this.#hashNow(file);
      this.#current.set(file, pending);
    }
    return pending;
  }

  async #hashNow(file: string): Promise<string | undefined> {
    try {
      const { size, mtimeMs } = await stat(file);
      const known = this.#files.get(file);
      if (known?.size === size && known.mtimeMs === mtimeMs) return known.sha256;
      const sha256 = createHash('sha256')
        .update(await readFile(file))
        .digest('hex');
      // A file written this very moment may change once more within the same time stamp: read it again next time.
      if (Date.now() - mtimeMs > 50) this.#files.set(file, { size, mtimeMs, sha256 });
      else this.#files.delete(file);
      return sha256;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      throw error;
    }
  }

  async #fingerprint(command: unknown, inputs: readonly string[]): Promise<string | undefined> {
    const contents: [string, string][] = [];
    for (const file of inputs) {
      const sha256 = await this.hashOf(file);
      if (sha256 === undefined) return undefined;
      contents.push([file, sha256]);
    }
    return createHash('sha256')
      .update(JSON.stringify([command, contents]))
      .digest('hex');
  }
}
