/**
 * Messages between the timeline and who shows it (an editor's webview host), checked on both ends. Times are ns since the
 * recording's first record unless their name says otherwise. VS Code carries them as JSON with byte arrays beside it: counters
 * of 64 bits are decimal digits on the way, and a bigint behind the check.
 */
import * as v from 'valibot';

export const WEBVIEW_PROTOCOL_VERSION = 1;
/** A recording comes in pieces, so that neither end holds it twice. */
export const MAX_PIECE_BYTES = 16 * 1024 * 1024;
/** The largest recording that a view takes. */
export const MAX_RECORDING_BYTES = 4 * 1024 * 1024 * 1024;
const MAX_EXPORT_CHARACTERS = 512 * 1024 * 1024;

const id = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff));
const size = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_RECORDING_BYTES));
const text = v.pipe(v.string(), v.maxLength(32_768));
const ns = v.pipe(v.number(), v.finite());
const u32 = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_ffff));
const counter = v.pipe(
  v.string(),
  v.regex(/^\d{1,20}$/, 'Invalid counter'),
  v.transform((digits) => BigInt(digits)),
  v.maxValue(0xffff_ffff_ffff_ffffn),
);
/** Callers of one recording: places in the source, not calls. */
const callers = v.pipe(v.array(text), v.maxLength(100_000));
export const EXPORT_KINDS = ['chrome', 'csv', 'png', 'svg'] as const;
export type ExportKind = (typeof EXPORT_KINDS)[number];
const bytes = v.pipe(
  v.instance(Uint8Array),
  v.check((piece) => piece.byteLength <= MAX_PIECE_BYTES, `more than ${MAX_PIECE_BYTES} bytes in one piece`),
);

/** A source of a live recording, as trace/recording.ts describes it. */
const source = v.object({
  ...{ id, side: v.picklist(['kernel', 'user']), description: text, process: v.optional(u32) },
  ...{ session: v.optional(u32), machine: v.optional(text), ringCount: u32, slotsPerRing: u32 },
});

const hostMessage = v.variant('type', [
  /** A recording follows in pieces: an `.evtrace` file, or columns. Its title until it tells its own. */
  v.object({ type: v.literal('open'), id, title: text, bytes: size }),
  v.object({ type: v.literal('piece'), id, at: size, bytes }),
  v.object({ type: v.literal('close'), id }),
  /** A recording that is being made: sources first, then slots as they are drained. */
  v.object({ type: v.literal('beginLive'), id, title: text, target: text, startUtcMs: ns }),
  v.object({ type: v.literal('liveSource'), id, source }),
  v.object({
    ...{ type: v.literal('append'), id, source: id, ring: u32, firstSlot: counter, lost: counter, bytes },
  }),
  v.object({ type: v.literal('endLive'), id }),
  /** When a debugger held the target, ms since 1970 by its clock; all of them, each time. `current`: it stands there now. */
  v.object({
    ...{ type: v.literal('stops'), id },
    stops: v.pipe(v.array(v.object({ fromUtcMs: ns, untilUtcMs: v.nullable(ns), reason: text })), v.maxLength(10_000)),
  }),
  /** Show an object (by its path or label), one of these places in the source ("eventsys.sys+0x12c4"), or a moment. */
  v.object({
    ...{ type: v.literal('reveal'), object: v.optional(text), callers: v.optional(callers), time: v.optional(ns) },
  }),
  /** Which places in the source are there? `callers` answers. */
  v.object({ type: v.literal('askCallers') }),
  v.object({ type: v.literal('export'), kind: v.picklist(EXPORT_KINDS) }),
  /** Files that the host opens again when it restores the view: they become part of its state. */
  v.object({ type: v.literal('remember'), recordings: v.pipe(v.array(text), v.maxLength(64)) }),
  /** Why something is not shown that was asked for. */
  v.object({ type: v.literal('problem'), problem: text }),
  /** Each from its own beginning, on one axis, with the differences. */
  v.object({ type: v.literal('compare'), before: id, after: id }),
  /** Colours changed in a way that no class of the body tells. */
  v.object({ type: v.literal('theme') }),
]);
export type HostMessage = v.InferOutput<typeof hostMessage>;
/** As it is sent. */
export type HostMessageInput = v.InferInput<typeof hostMessage>;

const revealedObject = v.object({ label: text, path: v.optional(text), kind: text });

const viewMessage = v.variant('type', [
  v.object({ type: v.literal('ready'), version: u32 }),
  /** What is wrong with what was opened, in words; what can be read is shown. */
  v.object({ type: v.literal('opened'), id, problems: v.pipe(v.array(text), v.maxLength(1_000)) }),
  v.object({ type: v.literal('failed'), id, problem: text }),
  /** The line of this caller ("eventsys.sys+0x12c4"). */
  v.object({ type: v.literal('openSource'), caller: text, beside: v.boolean() }),
  /** The object in the tree. */
  v.object({ type: v.literal('revealObject'), ...revealedObject.entries }),
  /** A transition or a wait was clicked: its line and its object are shown, and the focus stays here. */
  v.object({ type: v.literal('chosen'), caller: v.optional(text), object: v.optional(revealedObject) }),
  v.object({ type: v.literal('callers'), callers }),
  v.object({
    ...{ type: v.literal('export'), name: text, mediaType: text },
    content: v.union([
      v.pipe(v.string(), v.maxLength(MAX_EXPORT_CHARACTERS)),
      v.pipe(
        v.instance(Uint8Array),
        v.check((content) => content.byteLength <= MAX_EXPORT_CHARACTERS, 'the export is too large'),
      ),
    ]),
  }),
  v.object({ type: v.literal('copy'), text: v.pipe(v.string(), v.maxLength(MAX_EXPORT_CHARACTERS)) }),
]);
export type ViewMessage = v.InferOutput<typeof viewMessage>;

export type Parsed<T> = { readonly ok: true; readonly message: T } | { readonly ok: false; readonly why: string };

function check<S extends v.GenericSchema>(schema: S, message: unknown): Parsed<v.InferOutput<S>> {
  const result = v.safeParse(schema, message);
  if (result.success) return { ok: true, message: result.output };
  const issue = result.issues[0];
  return { ok: false, why: `${v.getDotPath(issue) ?? 'the message'}: ${issue.message}` };
}

/** For the view: a message of its host. */
export const parseHostMessage = (message: unknown): Parsed<HostMessage> => check(hostMessage, message);
/** For the host: a message of its view. */
export const parseViewMessage = (message: unknown): Parsed<ViewMessage> => check(viewMessage, message);

/** What the view keeps while it is hidden, and across reloads. Unknown or damaged: as if there were none. */
const viewState = v.object({
  from: ns,
  until: ns,
  filter: text,
  folded: v.pipe(v.array(text), v.maxLength(10_000)),
  pinned: v.pipe(v.array(text), v.maxLength(10_000)),
  order: v.pipe(v.array(text), v.maxLength(100_000)),
  names: v.pipe(v.array(v.tuple([text, text])), v.maxLength(10_000)),
  stopsCut: v.boolean(),
  scrollTop: ns,
  range: v.nullable(v.object({ from: ns, until: ns })),
  /** By where its record lies in the rings: rows move. What an earlier version kept is none. */
  selection: v.fallback(
    v.nullable(
      v.object({
        ...{ lane: v.picklist(['object', 'thread']), label: text, ring: u32, slot: u32 },
        source: v.pipe(v.number(), v.integer(), v.minValue(-1), v.maxValue(0xffff)),
      }),
    ),
    null,
  ),
  recordings: v.optional(v.pipe(v.array(text), v.maxLength(64)), []),
});
export type ViewState = v.InferOutput<typeof viewState>;
export function parseViewState(state: unknown): ViewState | undefined {
  const result = v.safeParse(viewState, state);
  return result.success ? result.output : undefined;
}
