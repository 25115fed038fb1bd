/**
 * Windows paths of a prefix and the host's own, without asking Wine.
 */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { EventscopeError } from '../../protocol/errors.js';

/** A host path as programs in the prefix see it: Z: is the host's root. */
export function toWindowsPath(hostPath: string): string {
  const absolute = path.resolve(hostPath);
  if (/[\\:*?"<>|]/.test(absolute) || absolute.split('/').some((part) => /[. ]$/.test(part))) {
    throw new EventscopeError({
      id: 'wine.path',
      what: `${absolute} cannot be named in Windows`,
      why: 'a folder of it has one of \\ : * ? " < > | in its name, or ends with a dot or a space',
      next: 'Move the workspace to a folder without them.',
    });
  }
  return `Z:${absolute.replaceAll('/', '\\')}`;
}

/**
 * The host path of an absolute Windows path on drive C: of a prefix. Windows ignores case and the host does not: a part
 * that is there in another case is that part.
 * @throws EventscopeError `target.path`
 */
export async function toHostPath(prefixFolder: string, windowsPath: string): Promise<string> {
  const match = /^[Cc]:[\\/](.*)$/s.exec(windowsPath);
  const parts = (match?.[1] ?? '').split(/[\\/]+/).filter((part) => part !== '');
  if (match === null || parts.some((part) => part === '..' || part === '.' || /[\0:*?"<>|]/.test(part))) {
    throw new EventscopeError({
      id: 'target.path',
      what: `${windowsPath} is not a path that files are copied to`,
      why: 'it must be absolute, on drive C:, and without . and ..',
    });
  }
  let host = path.join(prefixFolder, 'drive_c');
  for (const part of parts) host = path.join(host, await asSpelled(host, part));
  return host;
}

async function asSpelled(folder: string, part: string): Promise<string> {
  const names: string[] = await readdir(folder).catch(() => []);
  if (names.includes(part)) return part;
  return names.find((name) => name.toLowerCase() === part.toLowerCase()) ?? part;
}
