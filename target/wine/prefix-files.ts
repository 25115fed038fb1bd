/**
 * What is on disk about a prefix, for the next process that looks.
 */
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import * as v from 'valibot';

export const stampFile = v.strictObject({
  version: v.literal(1),
  state: v.picklist(['making', 'ready']),
  wine: v.string(),
  madeUtcMs: v.number(),
});
export const runningFile = v.strictObject({
  version: v.literal(1),
  mark: v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/)),
  serverPid: v.pipe(v.number(), v.integer(), v.minValue(1)),
  serverStartTime: v.string(),
  oneProcessor: v.boolean(),
  startedUtcMs: v.number(),
});
export type PrefixStamp = v.InferOutput<typeof stampFile>;
export type RunningPrefix = v.InferOutput<typeof runningFile>;

/** A file of ours, checked; undefined when it is not there or not as we write it. */
export async function readChecked<const T extends v.GenericSchema>(
  file: string,
  schema: T,
): Promise<v.InferOutput<T> | undefined> {
  try {
    const result = v.safeParse(schema, JSON.parse(await readFile(file, 'utf8')));
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}

/** Whole or not at all. */
export async function writeWhole(file: string, text: string): Promise<void> {
  const beside = `${file}.${process.pid}.new`;
  try {
    await writeFile(beside, text);
    await rename(beside, file);
  } finally {
    await rm(beside, { force: true });
  }
}

export async function exists(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch {
    return false;
  }
}
