/**
 * Indices 0 to keys.length-1 in ascending order of keys; equal keys keep their order. A natural merge sort: the rings lie
 * one behind the other and each is nearly in order, so that there are few runs to merge.
 */
export function ascending(keys: Float64Array): Uint32Array {
  const count = keys.length;
  let from: Uint32Array = new Uint32Array(count);
  let into: Uint32Array = new Uint32Array(count);
  for (let index = 0; index < count; index += 1) from[index] = index;
  settleNeighbours(keys, from);
  let starts = runStarts(keys, from);
  while (starts.length > 2) {
    const merged: number[] = [0];
    for (let run = 0; run + 1 < starts.length; run += 2) {
      const low = starts[run] ?? 0;
      const middle = starts[run + 1] ?? count;
      const high = starts[run + 2] ?? middle;
      merge(keys, from, into, low, middle, high);
      merged.push(high);
    }
    [from, into] = [into, from];
    starts = merged;
  }
  return from;
}

/** Records of one ring are out of order by a few places (a call's entry is its key, its end its place). */
function settleNeighbours(keys: Float64Array, order: Uint32Array): void {
  for (let index = 1; index < order.length; index += 1) {
    const moving = order[index] ?? 0;
    const key = keys[moving] ?? 0;
    let at = index;
    while (at > 0 && index - at < 8 && (keys[order[at - 1] ?? 0] ?? 0) > key) {
      order[at] = order[at - 1] ?? 0;
      at -= 1;
    }
    order[at] = moving;
  }
}

function runStarts(keys: Float64Array, order: Uint32Array): number[] {
  const starts = [0];
  for (let index = 1; index < order.length; index += 1) {
    if ((keys[order[index] ?? 0] ?? 0) < (keys[order[index - 1] ?? 0] ?? 0)) starts.push(index);
  }
  starts.push(order.length);
  return starts;
}

function merge(
  keys: Float64Array,
  from: Uint32Array,
  into: Uint32Array,
  low: number,
  middle: number,
  high: number,
): void {
  let left = low;
  let right = middle;
  for (let at = low; at < high; at += 1) {
    const a = from[left] ?? 0;
    const b = from[right] ?? 0;
    const takeLeft = left < middle && (right >= high || (keys[a] ?? 0) <= (keys[b] ?? 0));
    into[at] = takeLeft ? a : b;
    if (takeLeft) left += 1;
    else right += 1;
  }
}
