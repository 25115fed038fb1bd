/**
 * Names of objects: one path whichever side says it. Win32 names live in the session's directory unless they begin with
 * Global\ (Windows documentation, "Kernel object namespaces"); session 0 has no directory of its own: its names are the
 * global ones.
 */
const GLOBAL = '\\BaseNamedObjects';

/** Directory where a plain Win32 name of that session lives. */
export function sessionDirectory(session: number): string {
  return session === 0 ? GLOBAL : `\\Sessions\\${session}\\BaseNamedObjects`;
}

/** The object manager path of a name as a program wrote it. */
export function objectPath(name: string, side: 'kernel' | 'user', session: number | undefined): string {
  if (name.startsWith('\\')) return normalised(name);
  if (side === 'kernel') return normalised(`\\${name}`);
  if (name.startsWith('Global\\')) return `${GLOBAL}\\${name.slice(7)}`;
  const home = sessionDirectory(session ?? 1);
  if (name.startsWith('Local\\')) return `${home}\\${name.slice(6)}`;
  const other = /^Session\\(\d+)\\(.*)$/s.exec(name);
  if (other !== null) return `${sessionDirectory(Number(other[1]))}\\${other[2] ?? ''}`;
  return `${home}\\${name}`;
}

/** Follows the symbolic links that every such directory has: Global, Local. */
function normalised(path: string): string {
  const match = /^(\\Sessions\\(\d+))?\\BaseNamedObjects\\(Global|Local)\\(.*)$/s.exec(path);
  if (match === null) return path.replace(/^\\Sessions\\0\\/, '\\');
  const home = match[3] === 'Global' || match[2] === undefined ? GLOBAL : sessionDirectory(Number(match[2]));
  return `${home}\\${match[4] ?? ''}`;
}

/** "SharedEvent" of "\BaseNamedObjects\SharedEvent". */
export const leafName = (path: string): string => path.slice(path.lastIndexOf('\\') + 1);

/** Text of others, made safe to print: control characters become visible escapes. */
export const printable = (text: string): string =>
  text.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
