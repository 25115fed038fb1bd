/**
 * The C files of a component: files as named, and every *.c of the folders named.
 */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { EventscopeError } from '../../protocol/errors.js';

/**
 * @param what for messages, such as "driver"
 * @returns absolute paths in a fixed order
 * @throws EventscopeError `build.sources`
 */
export async function findSources(folder: string, sources: readonly string[], what: string): Promise<string[]> {
  const files = new Set<string>();
  for (const entry of sources) {
    const absolute = path.resolve(folder, entry);
    let isFolder: boolean;
    try {
      isFolder = (await stat(absolute)).isDirectory();
    } catch (error) {
      throw new EventscopeError({
        id: 'build.sources',
        what: `The ${what}'s sources ${absolute} cannot be read`,
        why: (error as NodeJS.ErrnoException).code ?? (error as Error).message,
        next: `Correct eventscope.project.${what}.sources in the workspace settings.`,
        cause: error,
      });
    }
    if (!isFolder) files.add(absolute);
    else for (const name of await readdir(absolute)) if (name.endsWith('.c')) files.add(path.join(absolute, name));
  }
  if (files.size === 0) {
    throw new EventscopeError({
      id: 'build.sources',
      what: `The ${what} has no C file`,
      why: `there is no *.c in ${sources.map((entry) => path.resolve(folder, entry)).join(', ')}`,
    });
  }
  return [...files].sort();
}
