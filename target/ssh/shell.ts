/**
 * What the SSH server starts commands with. OpenSSH for Windows takes cmd.exe, or what the registry value DefaultShell
 * names, most often PowerShell; Cygwin's and Linux servers take a POSIX shell.
 */
export type RemoteShell = 'cmd' | 'powershell' | 'posix';

/**
 * One line that each shell answers in its own way: cmd.exe expands the first half, PowerShell the second, a POSIX
 * shell takes `$env` for a variable of that name.
 */
export const SHELL_PROBE = 'echo %OS%$env:OS';

/** undefined: an answer that none of the three gives. */
export function shellOfProbe(output: string): RemoteShell | undefined {
  switch (output.trim().replace(/^"|"$/g, '')) {
    case 'Windows_NT$env:OS':
      return 'cmd';
    case '%OS%Windows_NT':
      return 'powershell';
    case '%OS%:OS':
      return 'posix';
    default:
      return undefined;
  }
}

/**
 * A command line that cmd.exe and PowerShell read alike: the program unquoted (PowerShell takes a quoted one for a
 * string), arguments in double quotes when they need them.
 * @throws RangeError for what the two shells would read differently. The callers' paths are checked before, see
 * readSshSettings.
 */
export function plainCommandLine(program: string, args: readonly string[]): string {
  if (!/^[A-Za-z0-9_.:\\-]+$/.test(program)) throw new RangeError(`Not a plain program path: ${program}`);
  return [program, ...args.map(plainArgument)].join(' ');
}

function plainArgument(text: string): string {
  // PowerShell takes a word like -a.b or -a:b for two.
  if (/^(-[A-Za-z0-9-]+|[A-Za-z0-9_.:\\/][A-Za-z0-9_.:\\/-]*)$/.test(text)) return text;
  // Inside double quotes: cmd.exe still expands %, and ! with delayed expansion; PowerShell $ and `, and it ends the
  // string at typographic quotes too; both end it at ".
  // A backslash before the closing quote would escape it for the program.

  if (text === '' || /["%!$`\u201c-\u201f\u0000-\u001f]/.test(text) || text.endsWith('\\')) {
    throw new RangeError(`Cannot be written alike for cmd.exe and PowerShell: ${text}`);
  }
  return `"${text}"`;
}
