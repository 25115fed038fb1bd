/**
 * Indices 0 to keys.length-1 in ascending order of keys; equal keys keep their order. A natural merge sort: the rings lie
 * one behind the other and each is nearly in order, so that there are few runs to merge.
 */
export function ascending(keys: Float64Array): Uint32Array {
  const count = keys.length;
  let from: Uint32Array = new Uint32Array(count);
  let into: Uint32Array = new Uint32Array(count);
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

/**
 * Fills `order`. Records of one ring are out of order by a few places (a call's entry is its key, its end its place): those
 * are put right here.
 */
function settleNeighbours(keys: Float64Array, order: Uint32Array): void {
  // Key at the place before.
  let before = -Infinity;
  for (let index = 0; index < order.length; index += 1) {
    const key = keys[index] ?? 0;
    let at = index;
    if (before > key) {
      while (at > 0 && index - at < 8 && (keys[order[at - 1] ?? 0] ?? 0) > key) {
        order[at] = order[at - 1] ?? 0;
        at -= 1;
      }
    } else before = key;
    order[at] = index;
  }
}

function runStarts(keys: Float64Array, order: Uint32Array): number[] {
  const starts = [0];
  let before = -Infinity;
  for (let index = 0; index < order.length; index += 1) {
    const key = keys[order[index] ?? 0] ?? 0;
    if (key < before) starts.push(index);
    before = key;
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
  let at = low;
  if (left < middle && right < high) {
    let a = from[left] ?? 0;
    let b = from[right] ?? 0;
    let keyA = keys[a] ?? 0;
    let keyB = keys[b] ?? 0;
    for (;;) {
      if (keyA <= keyB) {
        into[at++] = a;
        if (++left === middle) break;
        a = from[left] ?? 0;
        keyA = keys[a] ?? 0;
      } else {
        into[at++] = b;
        if (++right === high) break;
        b = from[right] ?? 0;
        keyB = keys[b] ?? 0;
      }
    }
  }
  into.set(from.subarray(left, middle), at);
  into.set(from.subarray(right, high), at + middle - left);
}
