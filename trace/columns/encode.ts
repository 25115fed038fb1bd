/**
 * Columns as bytes and back: a head, the names as JSON, then every array at a place that fits its element type. What is
 * read is checked as a whole: lengths before they are used, rows and indices before anything is looked up by them.
 *
 *   0  "EVCOLUMN"   8  u32 version   12  u32 length of the JSON   16  JSON, zeros to a multiple of 8   then the arrays
 */
import * as v from 'valibot';
import { EventscopeError } from '../../protocol/errors.js';
import { COLUMNS_VERSION, TABLES, TABLE_NAMES, columnsOf, type Column, type TimelineColumns } from './columns.js';
import { checkRows } from './check.js';

const MAGIC = Uint8Array.of(0x45, 0x56, 0x43, 0x4f, 0x4c, 0x55, 0x4d, 0x4e);
const HEAD_BYTES = 16;
/** Names of objects, threads and callers: far more than a screen can tell apart. */
const MAX_JSON_BYTES = 256 * 1024 * 1024;
const MAX_LANES = 1_000_000;

const text = v.pipe(v.string(), v.maxLength(32_768));
const time = v.pipe(v.number(), v.finite());
const index = v.pipe(v.number(), v.integer(), v.minValue(-1), v.maxValue(0x7fff_ffff));
const u32 = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_ffff));
const list = <S extends v.GenericSchema>(schema: S) => v.pipe(v.array(schema), v.maxLength(MAX_LANES));

const namesSchema = v.object({
  title: text,
  target: text,
  startUtcMs: v.nullable(time),
  end: v.pipe(time, v.minValue(0)),
  runs: list(v.object({ label: text, from: time, until: time })),
  objects: list(
    v.object({
      ...{ id: index, run: index, label: text, path: v.optional(text), kind: text, quiet: v.boolean(), summary: text },
      ...{ until: time, initial: v.pipe(u32, v.maxValue(2)) },
    }),
  ),
  threads: list(
    v.object({
      ...{ id: index, label: text, side: v.picklist(['kernel', 'user']), run: index, source: index, program: text },
      ...{ process: u32, thread: u32, deferred: v.boolean(), first: time, last: time },
    }),
  ),
  gaps: list(v.object({ label: text, source: index, from: time, until: time, count: v.pipe(time, v.minValue(0)) })),
  stops: list(v.object({ from: time, until: time, reason: text })),
  callers: list(text),
});
const lengthsSchema = v.record(v.string(), u32);
const headSchema = v.object({ names: namesSchema, lengths: lengthsSchema });

const wrong = (why: string): EventscopeError =>
  new EventscopeError({
    ...{ id: 'columns.damaged', what: 'The data of the timeline is damaged', why },
    next: 'Open the recording again',
  });

export const isColumns = (bytes: Uint8Array): boolean => MAGIC.every((byte, at) => bytes[at] === byte);

const padded = (length: number): number => Math.ceil(length / 8) * 8;

export function encodeColumns(columns: TimelineColumns): Uint8Array<ArrayBuffer> {
  const { transitions, waits, calls, edges, ...names } = columns;
  const arrays = [...columnsOf({ transitions, waits, calls, edges, ...names })];
  const lengths = Object.fromEntries(arrays.map(([name, column]) => [name, column.length]));
  const json = new TextEncoder().encode(JSON.stringify({ names, lengths }));
  const body = padded(HEAD_BYTES + json.length);
  const bytes = new Uint8Array(body + arrays.reduce((sum, [, { byteLength }]) => sum + padded(byteLength), 0));
  bytes.set(MAGIC);
  const view = new DataView(bytes.buffer);
  view.setUint32(8, COLUMNS_VERSION, true);
  view.setUint32(12, json.length, true);
  bytes.set(json, HEAD_BYTES);
  let at = body;
  for (const [, column] of arrays) {
    bytes.set(new Uint8Array(column.buffer, column.byteOffset, column.byteLength), at);
    at += padded(column.byteLength);
  }
  return bytes;
}

/**
 * The arrays stay views of the bytes when these begin at a multiple of 8, and become copies otherwise.
 * @throws EventscopeError `columns.damaged`
 */
export function decodeColumns(bytes: Uint8Array<ArrayBuffer>): TimelineColumns {
  if (bytes.length < HEAD_BYTES || !isColumns(bytes)) throw wrong('it does not begin with the mark of such data');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint32(8, true);
  if (version !== COLUMNS_VERSION) throw wrong(`it is of version ${version}, and this view reads ${COLUMNS_VERSION}`);
  const jsonLength = view.getUint32(12, true);
  if (jsonLength > Math.min(MAX_JSON_BYTES, bytes.length - HEAD_BYTES)) {
    throw wrong(`it promises ${jsonLength} bytes of names in ${bytes.length}`);
  }
  const { names, lengths } = readHead(bytes.subarray(HEAD_BYTES, HEAD_BYTES + jsonLength));
  const tables = readTables(bytes, padded(HEAD_BYTES + jsonLength), lengths);
  // The tables are those that TABLES names, each with its arrays; exactOptionalPropertyTypes sees `path?: undefined`.
  const columns = { ...names, ...tables } as unknown as TimelineColumns;
  const problem = checkRows(columns);
  if (problem !== undefined) throw wrong(problem);
  return columns;
}

function readHead(json: Uint8Array): v.InferOutput<typeof headSchema> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json));
  } catch (error) {
    throw wrong(`its names cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  const head = v.safeParse(headSchema, parsed);
  if (head.success) return head.output;
  const issue = head.issues[0];
  throw wrong(`${v.getDotPath(issue) ?? 'its head'}: ${issue.message}`);
}

function readTables(
  bytes: Uint8Array<ArrayBuffer>,
  from: number,
  lengths: Readonly<Record<string, number>>,
): Record<string, Record<string, Column>> {
  let at = from;
  const tables: Record<string, Record<string, Column>> = {};
  for (const table of TABLE_NAMES) {
    const columns: Record<string, Column> = {};
    for (const [name, Type] of Object.entries(TABLES[table])) {
      const length = lengths[`${table}.${name}`];
      if (length === undefined) throw wrong(`it has no ${table}.${name}`);
      const size = length * Type.BYTES_PER_ELEMENT;
      if (size > bytes.length - at) throw wrong(`it promises ${length} of ${table}.${name}, and ends before`);
      const place = bytes.byteOffset + at;
      columns[name] =
        // Not slice(): a Buffer's is no copy.
        place % 8 === 0
          ? new Type(bytes.buffer, place, length)
          : new Type(new Uint8Array(bytes.subarray(at, at + size)).buffer);
      at += padded(size);
    }
    tables[table] = columns;
  }
  return tables;
}
