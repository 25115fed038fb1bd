/** `.evtrace` files on the host's disk. */
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { EventscopeError } from '../protocol/errors.js';
import { decodeEvtrace, encodeEvtrace, MAX_BEGINNING_BYTES, type EvtraceReading } from '../trace/evtrace.js';
import type { Recording, RecordingMetadata } from '../trace/recording.js';

/** Traces without --out that a workspace keeps. */
export const KEPT_TRACES = 50;

/**
 * Where a run without --out keeps its trace: the workspace's own folder, named so that names sort by time. The oldest
 * there make room, so that the folder does not grow for ever.
 * @throws EventscopeError `file.write`
 */
export async function newTraceFile(stateFolder: string, title: string, at: Date): Promise<string> {
  const first = defaultTraceFile(stateFolder, title, at);
  const folder = path.dirname(first);
  try {
    await mkdir(folder, { recursive: true });
    const kept = (await readdir(folder)).filter((name) => name.endsWith('.evtrace')).sort();
    for (const name of kept.slice(0, Math.max(0, kept.length - KEPT_TRACES + 1))) {
      await rm(path.join(folder, name), { force: true });
    }
    // Another one of the same second is not to be lost.
    let file = first;
    for (let other = 2; kept.includes(path.basename(file)); other += 1)
      file = first.replace(/\.evtrace$/, `-${other}.evtrace`);
    return file;
  } catch (error) {
    throw unwritable(folder, error);
  }
}

/**
 * Writes a recording to a file of its own in the project's folder of state, named by its title and its time, or to the file that is given.
 * Returns the file.
 * @throws EventscopeError `file.write`
 */
export async function keepTrace(stateFolder: string, recording: Recording, given?: string): Promise<string> {
  const { title = 'recording', startUtcMs } = recording.metadata;
  const file = given ?? (await newTraceFile(stateFolder, title, new Date(startUtcMs)));
  await writeTrace(file, recording);
  return file;
}

export function defaultTraceFile(stateFolder: string, title: string, at: Date): string {
  const time = at.toISOString().replace(/[-:]/g, '').replace(/\..*$/, '');
  const words = title.replace(/[^A-Za-z0-9]+/g, '-').replace(/^-+|-+$/g, '');
  return path.join(stateFolder, 'traces', `${time}-${words.slice(0, 60)}.evtrace`);
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * Writes a file beside its place and renames it when it is whole: a full disk leaves what was there before.
 * @throws EventscopeError `file.write`
 */
export async function writeWhole(file: string, data: Uint8Array | string): Promise<void> {
  const beside = `${file}.${process.pid}.tmp`;
  try {
    await mkdir(path.dirname(file), { recursive: true });
    const handle = await open(beside, 'w');
    try {
      await handle.writeFile(data);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, file);
  } catch (error) {
    await rm(beside, { force: true });
    throw unwritable(file, error);
  }
}

const unwritable = (file: string, error: unknown): EventscopeError =>
  new EventscopeError({
    id: 'file.write',
    what: `${file} could not be written`,
    why: reason(error),
    next: 'Make room or name another place with --out.',
    cause: error,
  });

export async function writeTrace(file: string, recording: Recording): Promise<void> {
  await writeWhole(file, encodeEvtrace(recording));
}

/** @throws EventscopeError `file.read`, and what decodeEvtrace throws */
export async function readTrace(file: string): Promise<EvtraceReading> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw unreadable(file, error);
  }
  return decodeEvtrace(bytes);
}

/** What a recording says of itself: of a large file only the beginning is read. @throws as {@link readTrace} */
export async function readTraceMetadata(file: string): Promise<RecordingMetadata> {
  let bytes: Uint8Array;
  try {
    const handle = await open(file);
    try {
      const { buffer, bytesRead } = await handle.read(new Uint8Array(MAX_BEGINNING_BYTES), 0, MAX_BEGINNING_BYTES, 0);
      bytes = buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw unreadable(file, error);
  }
  return decodeEvtrace(bytes).recording.metadata;
}

const unreadable = (file: string, error: unknown): EventscopeError =>
  new EventscopeError({
    id: 'file.read',
    what: `${file} could not be read`,
    why: reason(error),
    next: 'Name an .evtrace file, such as one that `eventscope run` has written.',
    cause: error,
  });
