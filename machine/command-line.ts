/**
 * Command lines and paths of Windows as pure functions, for either end of a connection and for any host system.
 */

/**
 * One argument, quoted as CommandLineToArgvW and the C runtime read it back: backslashes are doubled only in front of a
 * quotation mark. Throws RangeError on a null character, which no command line can hold.
 */
export function quoteArgument(argument: string): string {
  if (argument.includes('\0')) {
    throw new RangeError('An argument cannot hold a null character');
  }
  if (argument !== '' && !/[\s"]/.test(argument)) {
    return argument;
  }
  return `"${argument.replace(/(\\*)("|$)/g, (_match, backslashes: string, end: string) => `${backslashes}${backslashes}${end === '"' ? '\\"' : ''}`)}"`;
}

/**
 * The program's own name, quoted as CommandLineToArgvW reads the first word: no escapes there, so a quotation mark cannot
 * be told. Throws RangeError on one.
 */
export function quoteProgram(program: string): string {
  if (/["\0]/.test(program)) {
    throw new RangeError('A program path cannot hold a quotation mark or a null character');
  }
  return program === '' || /\s/.test(program) ? `"${program}"` : program;
}

/** A whole command line for CreateProcessW. Throws RangeError over its limit of 32,766 characters. */
export function commandLine(program: string, args: readonly string[]): string {
  const line = [quoteProgram(program), ...args.map(quoteArgument)].join(' ');
  if (line.length > 32_766) {
    throw new RangeError(`A command line of ${line.length} characters is over the limit of 32,766`);
  }
  return line;
}

/** What CommandLineToArgvW makes of a command line: program, arguments. */
export function splitCommandLine(line: string): string[] {
  const { word: program, rest } = readProgram(line);
  const words = [program];
  let at = 0;
  while (at < rest.length) {
    if (rest[at] === ' ' || rest[at] === '\t') {
      at++;
      continue;
    }
    let word = '';
    let quoted = false;
    while (at < rest.length && (quoted || (rest[at] !== ' ' && rest[at] !== '\t'))) {
      let backslashes = 0;
      while (rest[at] === '\\') {
        backslashes++;
        at++;
      }
      if (rest[at] !== '"') {
        word += '\\'.repeat(backslashes);
        if (backslashes === 0) {
          word += rest[at] ?? '';
          at++;
        }
        continue;
      }
      word += '\\'.repeat(backslashes >> 1);
      if (backslashes % 2 === 1) {
        word += '"';
      } else if (quoted && rest[at + 1] === '"') {
        // Two quotation marks inside a quoted part are one that is meant.
        word += '"';
        at++;
      } else {
        quoted = !quoted;
      }
      at++;
    }
    words.push(word);
  }
  return words;
}

function readProgram(line: string): { readonly word: string; readonly rest: string } {
  if (line.startsWith('"')) {
    const end = line.indexOf('"', 1);
    return end < 0 ? { word: line.slice(1), rest: '' } : { word: line.slice(1, end), rest: line.slice(end + 1) };
  }
  const end = line.search(/[ \t]/);
  return end < 0 ? { word: line, rest: '' } : { word: line.slice(0, end), rest: line.slice(end) };
}

/**
 * A command line made safe for cmd.exe, which is what OpenSSH on Windows starts: every character that cmd.exe acts on is
 * escaped with a caret, quotation marks too, so that cmd.exe itself never sees a quoted part. A percent sign cannot be
 * escaped on a command line (`cmd /c`); the caret keeps the name of a variable from being found, unless one with a caret in
 * its name exists. Throws RangeError on a line break, where cmd.exe would stop reading.
 */
export function escapeForCmd(line: string): string {
  if (/[\r\n\0]/.test(line)) {
    throw new RangeError('cmd.exe cannot take a line break or a null character in a command');
  }
  return line.replace(/[()%!^"<>&|]/g, '^$&');
}

/** A whole command for an SSH server whose shell is cmd.exe. */
export function cmdCommand(program: string, args: readonly string[]): string {
  return escapeForCmd(commandLine(program, args));
}

/** A word in single quotes for PowerShell, which takes everything in them as it stands. */
export function quoteForPowerShell(word: string): string {
  if (word.includes('\0')) {
    throw new RangeError('An argument cannot hold a null character');
  }
  // PowerShell takes the typographic single quotes for quotes as well.
  return `'${word.replace(/['\u2018\u2019\u201a\u201b]/g, '$&$&')}'`;
}

/** Joins with single backslashes: `C:\eventscope` + `bin` + `eventsys.sys`. Forward slashes count as backslashes. */
export function joinWindowsPath(first: string, ...rest: readonly string[]): string {
  let path = first.replaceAll('/', '\\');
  for (const part of rest) {
    const clean = part.replaceAll('/', '\\').replace(/^\\+/, '');
    if (clean !== '') {
      path = `${path.replace(/\\+$/, '')}\\${clean}`;
    }
  }
  return path;
}

/** The last part of a path: `eventsys.sys` of `C:\eventscope\bin\eventsys.sys`. */
export function windowsBaseName(path: string): string {
  return path.replace(/[\\/]+$/, '').replace(/^.*[\\/:]/s, '');
}

/** The folder that a path is in; a root is its own folder. */
export function windowsFolder(path: string): string {
  const clean = path.replaceAll('/', '\\');
  const root = windowsRoot(clean);
  const rest = clean.slice(root.length).replace(/\\+$/, '');
  const cut = rest.lastIndexOf('\\');
  return cut < 0 ? root || '.' : root + rest.slice(0, cut).replace(/\\+$/, '');
}

/** `C:\`, `\\server\share\`, `\\?\C:\`, `\`, `C:` or nothing. Takes backslashes only. */
function windowsRoot(path: string): string {
  return (
    /^\\\\[?.]\\(?:UNC\\[^\\]+\\[^\\]+\\?|[A-Za-z]:\\?|[^\\]+\\?)/i.exec(path)?.[0] ??
    /^\\\\[^\\]+\\[^\\]+\\?/.exec(path)?.[0] ??
    /^[A-Za-z]:\\?/.exec(path)?.[0] ??
    /^\\/.exec(path)?.[0] ??
    ''
  );
}

/** Whether a path means the same from every current folder: a drive with a root, a share, or a \\?\ path. */
export function isAbsoluteWindowsPath(path: string): boolean {
  return /^(?:[A-Za-z]:[\\/]|[\\/]{2}[^\\/]+[\\/]+[^\\/]+)/.test(path);
}

/** Whether two paths name the same file, as far as spelling tells: case and the kind of slash do not count. */
export function sameWindowsPath(a: string, b: string): boolean {
  const plain = (path: string): string => path.replaceAll('/', '\\').replace(/\\+$/, '').toLowerCase();
  return plain(a) === plain(b);
}

/**
 * A path of the object manager for a Win32 path: `\??\C:\x` of `C:\x`, `\??\UNC\server\share\x` of `\\server\share\x`. A
 * device path (`\\.\EventSys`) and a literal one (`\\?\C:\x`) lose their four characters. As ImagePath takes it.
 */
export function toNtPath(path: string): string {
  const clean = path.replaceAll('/', '\\');
  if (clean.startsWith('\\??\\')) {
    return clean;
  }
  if (/^\\\\[?.]\\/.test(clean)) {
    return `\\??\\${clean.slice(4)}`;
  }
  return clean.startsWith('\\\\') ? `\\??\\UNC\\${clean.slice(2)}` : `\\??\\${clean}`;
}

/** A Win32 path for an object manager path of a file, where there is one: `C:\x` of `\??\C:\x`. */
export function fromNtPath(path: string): string {
  if (/^\\\?\?\\UNC\\/i.test(path)) {
    return `\\\\${path.slice(8)}`;
  }
  return path.startsWith('\\??\\') ? path.slice(4) : path;
}

const RESERVED_NAME = /^(?:CON|PRN|AUX|NUL|COM[0-9¹²³]|LPT[0-9¹²³])(?:\.|$)/i;

/** A text as a file name that Windows takes on every file system, one to one: other characters become %XX of their UTF-8. */
export function toFileName(text: string): string {
  const encoded = [...new TextEncoder().encode(text)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9._ -]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
  // Windows drops a dot or blank at the end, and keeps device names for itself.
  const ended = encoded.replace(/[. ]$/, (end) => (end === '.' ? '%2E' : '%20'));
  const reserved = RESERVED_NAME.test(ended)
    ? `%${ended.charCodeAt(0).toString(16).toUpperCase()}${ended.slice(1)}`
    : ended;
  return reserved === '' ? '%' : reserved;
}
