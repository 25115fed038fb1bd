/**
 * The one kind of error that a person is meant to read. Everything else that is thrown is a defect.
 */
export interface EventscopeErrorFields {
  /** Stable and unique, such as "target.held"; tests and scripts tell errors apart by it. */
  readonly id: string;
  /** What failed, one sentence without a full stop, such as "The driver eventsys did not start". */
  readonly what: string;
  /** The target's name, when one is involved. */
  readonly target?: string;
  /** Why, in the system's words: code by its Windows name and meaning, or the tool's own message. */
  readonly why?: string;
  /** What to do next, one sentence. */
  readonly next?: string;
  /** Structured detail for --json and logs. */
  readonly data?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

export class EventscopeError extends Error {
  readonly id: string;
  readonly what: string;
  readonly target: string | undefined;
  readonly why: string | undefined;
  readonly next: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(fields: EventscopeErrorFields) {
    const where = fields.target === undefined ? '' : ` on ${fields.target}`;
    const why = fields.why === undefined ? '' : `: ${fields.why}`;
    const next = fields.next === undefined ? '' : `. ${fields.next}`;
    super(`${fields.what}${where}${why}${next}`, { cause: fields.cause });
    this.name = 'EventscopeError';
    this.id = fields.id;
    this.what = fields.what;
    this.target = fields.target;
    this.why = fields.why;
    this.next = fields.next;
    this.data = fields.data ?? {};
  }
}

/** The operation was cancelled by its user. Never shown as a failure. */
export class CancelledError extends Error {
  constructor(what = 'Cancelled') {
    super(what);
    this.name = 'CancelledError';
  }
}
