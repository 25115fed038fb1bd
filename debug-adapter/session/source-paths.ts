/**
 * From the names that PDBs give their sources to files of this machine. A name may be relative to the project's folder, absolute on this
 * machine, absolute on the machine that built it, or a path of a Wine prefix (`Z:\home\...`).
 */
import { existsSync, realpathSync } from 'node:fs';
import path from 'node:path';

export interface SourcePathOptions {
  readonly projectFolder: string | undefined;
  /** Beginning of a PDB's path -> beginning of a host path. */
  readonly sourceMap: Readonly<Record<string, string>>;
  /** For tests; default: the file system. */
  readonly exists?: (file: string) => boolean;
}

export class SourcePaths {
  readonly #options: SourcePathOptions;
  readonly #exists: (file: string) => boolean;
  readonly #map: readonly (readonly [string, string])[];
  readonly #found = new Map<string, string | undefined>();

  constructor(options: SourcePathOptions) {
    this.#options = options;
    this.#exists = options.exists ?? existsSync;
    this.#map = Object.entries(options.sourceMap)
      .map(([from, to]) => [plain(from).replace(/\/$/, ''), to] as const)
      .sort(([a], [b]) => b.length - a.length);
  }

  /** The file on this machine, if there is one. */
  toHost(file: string): string | undefined {
    if (!this.#found.has(file)) this.#found.set(file, this.#find(file));
    return this.#found.get(file);
  }

  /** Whether a name in a PDB and a path of the client are the same file. */
  isSame(file: string, hostPath: string): boolean {
    const host = this.toHost(file);
    if (host !== undefined) return samePath(host, hostPath) || samePath(realPath(host), realPath(hostPath));
    // Not found under any name that we know: the client's path may still end like it.
    return (
      !isAbsolute(plain(file)) &&
      samePath(path.basename(hostPath), path.basename(plain(file))) &&
      endsLike(hostPath, file)
    );
  }

  /** Where was looked, for messages. */
  candidates(file: string): readonly string[] {
    const name = plain(file);
    const found: string[] = [];
    for (const [from, to] of this.#map) {
      if (name.toLowerCase() === from.toLowerCase()) found.push(to);
      else if (name.toLowerCase().startsWith(`${from.toLowerCase()}/`)) {
        found.push(path.join(to, name.slice(from.length + 1)));
      }
    }
    const { projectFolder } = this.#options;
    if (!isAbsolute(name)) {
      if (projectFolder !== undefined) found.push(path.join(projectFolder, name));
      return found;
    }
    // Wine's Z: is the root of this machine.
    if (/^z:\//i.test(name) && process.platform !== 'win32') found.push(path.normalize(name.slice(2)));
    found.push(path.normalize(name));
    return found;
  }

  #find(file: string): string | undefined {
    return this.candidates(file).find((candidate) => this.#exists(candidate));
  }
}

const plain = (file: string): string => file.replaceAll('\\', '/');
const isAbsolute = (file: string): boolean => file.startsWith('/') || /^[A-Za-z]:\//.test(file);

function samePath(a: string, b: string): boolean {
  const [left, right] = [path.normalize(a), path.normalize(b)];
  return process.platform === 'win32' ? left.toLowerCase() === right.toLowerCase() : left === right;
}

/** A workspace may be opened through a link. */
function realPath(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
}

function endsLike(hostPath: string, file: string): boolean {
  return plain(hostPath)
    .toLowerCase()
    .endsWith(
      `/${plain(file)
        .toLowerCase()
        .replace(/^(?:\.{1,2}\/)+/, '')}`,
    );
}
