/** First index whose value is at least `wanted`, in ascending values; their count when none is. */
export function lowerBound(values: readonly number[], wanted: number, from = 0): number {
  let low = from;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((values[middle] ?? Infinity) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
