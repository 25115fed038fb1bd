/** Paths of sources as compilers write them: of Windows or not, absolute or relative to where the compiler ran. */

/** Components without "." and "..", in lower case: paths are compared as Windows compares them. */
export function pathComponents(file: string): readonly string[] {
  const result: string[] = [];
  for (const part of file.toLowerCase().split(/[\\/]+/)) {
    if (part === '' || part === '.') continue;
    if (part === '..' && result.length > 0 && result.at(-1) !== '..') result.pop();
    else result.push(part);
  }
  return result;
}

/** How many components at the end are the same. */
function commonEnd(one: readonly string[], other: readonly string[]): number {
  let count = 0;
  while (count < one.length && count < other.length && one.at(-1 - count) === other.at(-1 - count)) count++;
  return count;
}

/**
 * Which of the files is meant: those that the path ends with, or that end with it; without such, those that share the most with it, when
 * that is more than the file's name.
 */
export function filesMeantBy(path: string, files: Iterable<string>): ReadonlySet<string> {
  const wanted = pathComponents(path);
  let best = 2;
  let whole = false;
  const meant = new Set<string>();
  for (const file of files) {
    const components = pathComponents(file);
    const common = commonEnd(wanted, components);
    const isWhole = common > 0 && common === Math.min(wanted.length, components.length);
    if (isWhole ? whole && common < best : whole || common < best) continue;
    if ((isWhole && !whole) || common > best) meant.clear();
    whole = isWhole;
    best = common;
    meant.add(file);
  }
  return meant;
}
