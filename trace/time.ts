/**
 * Kinds of time that are not to be mixed up. Both are doubles of ns: exact to a ns for a hundred days. A bigint never
 * enters the view: ticks and UTC become ns in the model's clock.
 */
declare const kind: unique symbol;

/** ns since the first record of the recording. */
export type Instant = number & { readonly [kind]: 'instant' };
/** ns from one instant to another. */
export type Span = number & { readonly [kind]: 'span' };

export const instant = (ns: number): Instant => ns as Instant;
export const span = (ns: number): Span => ns as Span;
export const spanBetween = (from: Instant, until: Instant): Span => (until - from) as Span;

/** ms since 1970, of a recording that knows its beginning by the wall clock. Loses what is below a us. */
export const toUtcMs = (at: Instant, startUtcMs: number): number => startUtcMs + at / 1e6;
