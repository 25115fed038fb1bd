/** What the JSON of an `.evtrace` file's chunks must hold. */
import * as v from 'valibot';
import { MAX_RINGS, MAX_SOURCES } from '../recording.js';
import { MAX_STOPS } from './format.js';

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));
const u32 = v.pipe(count, v.maxValue(0xffff_ffff));
const text = v.pipe(v.string(), v.maxLength(32_768));
const moment = v.pipe(v.number(), v.finite());
const decimal = v.pipe(
  v.string(),
  v.regex(/^\d{1,20}$/),
  v.transform((digits) => BigInt(digits)),
);

export const metadataSchema = v.object({
  target: text,
  host: text,
  versions: v.record(text, text),
  title: v.optional(text),
  startUtcMs: moment,
  endUtcMs: v.optional(moment),
  runs: v.optional(
    v.pipe(
      v.array(v.object({ title: text, sources: v.pipe(v.array(u32), v.maxLength(MAX_SOURCES)) })),
      v.maxLength(MAX_SOURCES),
    ),
  ),
  stops: v.optional(
    v.pipe(v.array(v.object({ fromUtcMs: moment, untilUtcMs: moment, reason: text })), v.maxLength(MAX_STOPS)),
  ),
});
export const sourceSchema = v.object({
  id: v.pipe(u32, v.maxValue(0xffff)),
  side: v.picklist(['kernel', 'user']),
  description: text,
  process: v.optional(u32),
  session: v.optional(u32),
  machine: v.optional(text),
  ringCount: v.pipe(u32, v.minValue(1), v.maxValue(MAX_RINGS)),
  slotsPerRing: u32,
  end: v.optional(
    v.object({
      lost: v.optional(decimal),
      exitUtcMs: v.optional(moment),
      exitCode: v.optional(u32),
      error: v.optional(text),
    }),
  ),
});
export const logSchema = v.object({
  lines: v.pipe(
    v.array(
      v.object({
        utcMs: moment,
        channel: v.picklist(['application', 'dbgprint']),
        text,
        process: v.optional(u32),
      }),
    ),
    v.maxLength(1_000),
  ),
});
export const endSchema = v.object({ slots: decimal, dropped: v.object({ slots: count, lines: count }) });

/** @throws Error that names the place in the content and what is wrong there */
export function checked<S extends v.GenericSchema>(schema: S, payload: Uint8Array): v.InferOutput<S> {
  const parsed: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  const result = v.safeParse(schema, parsed);
  if (result.success) return result.output;
  const issue = result.issues[0];
  throw new Error(`${v.getDotPath(issue) ?? 'its content'}: ${issue.message}`);
}
