/** Entries to a bucket, about: so few are put in order by moving each to its place. */
const PER_BUCKET = 2;
/** Buckets with more are divided again. */
const FEW = 24;
/** Keys that lie so unevenly that dividing does not part them are compared. */
const MAX_DIVISIONS = 4;

/**
 * Indices 0 to keys.length-1 in ascending order of keys; equal keys keep their order. Records are spread over the time of
 * their recording, so that most of the way is to count them into stretches of it.
 */
export function ascending(keys: Float64Array): Uint32Array {
  const order = new Uint32Array(keys.length);
  let before = -Infinity;
  let isAscending = true;
  let least = Infinity;
  let most = -Infinity;
  for (let index = 0; index < order.length; index += 1) {
    order[index] = index;
    const key = keys[index] ?? 0;
    if (key < before) isAscending = false;
    if (key < least) least = key;
    if (key > most) most = key;
    before = key;
  }
  if (!isAscending) divide(keys, order, { least, most }, 0);
  return order;
}

/** Puts indices in order, which are in ascending order of their own where keys are equal. */
function divide(keys: Float64Array, order: Uint32Array, { least, most }: Extent, divisions: number): void {
  if (!(most > least)) return;
  const perKey = Math.floor(order.length / PER_BUCKET) / (most - least);
  if (divisions === MAX_DIVISIONS || !Number.isFinite(perKey)) {
    order.sort((a, b) => (keys[a] ?? 0) - (keys[b] ?? 0) || a - b);
    return;
  }
  const first = countInto(keys, order, least, perKey);
  const buckets = first.length - 1;
  const given = order.slice();
  const next = first.slice();
  for (let at = 0; at < given.length; at += 1) {
    const index = given[at] ?? 0;
    const bucket = (((keys[index] ?? 0) - least) * perKey) >>> 0;
    const place = next[bucket] ?? 0;
    next[bucket] = place + 1;
    order[place] = index;
  }
  let from = 0;
  for (let bucket = 0; bucket < buckets; bucket += 1) {
    const until = first[bucket + 1] ?? 0;
    if (until - from > FEW) {
      const bucketful = order.subarray(from, until);
      divide(keys, bucketful, extent(keys, bucketful), divisions + 1);
    } else if (until - from > 1) settle(keys, order, from, until);
    from = until;
  }
}

interface Extent {
  readonly least: number;
  readonly most: number;
}

function extent(keys: Float64Array, order: Uint32Array): Extent {
  let least = Infinity;
  let most = -Infinity;
  for (let at = 0; at < order.length; at += 1) {
    const key = keys[order[at] ?? 0] ?? 0;
    if (key < least) least = key;
    if (key > most) most = key;
  }
  return { least, most };
}

/** Where each bucket begins. */
function countInto(keys: Float64Array, order: Uint32Array, least: number, perKey: number): Uint32Array {
  const first = new Uint32Array(Math.floor(order.length / PER_BUCKET) + 2);
  for (let at = 0; at < order.length; at += 1) {
    const behind = ((((keys[order[at] ?? 0] ?? 0) - least) * perKey) >>> 0) + 1;
    first[behind] = (first[behind] ?? 0) + 1;
  }
  for (let bucket = 1; bucket < first.length; bucket += 1)
    first[bucket] = (first[bucket] ?? 0) + (first[bucket - 1] ?? 0);
  return first;
}

/** Moves each of few to its place. */
function settle(keys: Float64Array, order: Uint32Array, from: number, until: number): void {
  for (let next = from + 1; next < until; next += 1) {
    const index = order[next] ?? 0;
    const key = keys[index] ?? 0;
    let at = next;
    for (; at > from && (keys[order[at - 1] ?? 0] ?? 0) > key; at -= 1) order[at] = order[at - 1] ?? 0;
    order[at] = index;
  }
}

/** The value that would stand at `place` if they were in order. Moves them: smaller ones come before it, larger ones behind. */
export function nthLeast(values: Float64Array, place: number): number {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    // The middle of three parts what is in order already, too.
    const pivot = middleOf(values[low] ?? 0, values[(low + high) >> 1] ?? 0, values[high] ?? 0);
    let left = low;
    let right = high;
    while (left <= right) {
      while ((values[left] ?? 0) < pivot) left += 1;
      while ((values[right] ?? 0) > pivot) right -= 1;
      if (left > right) break;
      const moved = values[left] ?? 0;
      values[left] = values[right] ?? 0;
      values[right] = moved;
      left += 1;
      right -= 1;
    }
    if (place <= right) high = right;
    else if (place >= left) low = left;
    else break;
  }
  return values[place] ?? NaN;
}

const middleOf = (a: number, b: number, c: number): number => Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
