/**
 * Settings of an ssh target, checked, and the mapping between its Windows paths and its SFTP paths.
 */
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import * as v from 'valibot';
import { EventscopeError } from '../../protocol/errors.js';

/**
 * Drive, then names of letters, digits, `_`, `-` and `.`: such a path means the same unquoted in cmd.exe and in
 * PowerShell, and one of the two is the shell that OpenSSH for Windows starts commands with.
 */
const PLAIN_WINDOWS_FOLDER = /^[A-Za-z]:(\\[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?)+$/;

const plainName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/, 'must be letters, digits, "_", "-" or ".", at most 64 characters'),
);
const filePath = v.pipe(v.string(), v.nonEmpty('must not be empty'));

/** What a user may write for an ssh target; target/project.ts reads it and says where a wrong value stands. */
export const sshTargetSettings = v.strictObject({
  name: plainName,
  kind: v.literal('ssh'),
  host: v.pipe(
    v.string(),
    v.regex(/^(?!-)[A-Za-z0-9._:%-]+$/, 'must be a host name or an address, without user, port or brackets'),
  ),
  port: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535)), 22),
  user: v.pipe(v.string(), v.nonEmpty('must not be empty'), v.maxLength(256)),
  /** Private key file on the host; without it the SSH agent is asked. */
  privateKey: v.optional(filePath),
  /** The SSH agent's socket; without it SSH_AUTH_SOCK, on Windows the agent's named pipe. */
  agent: v.optional(filePath),
  knownHosts: v.optional(filePath, '~/.ssh/known_hosts'),
  /** The folder on the target that is ours. */
  folder: v.optional(
    v.pipe(
      v.string(),
      v.maxLength(120),
      v.regex(
        PLAIN_WINDOWS_FOLDER,
        'must be a Windows folder such as C:\\eventscope, of letters, digits, "_", "-" and "." only',
      ),
    ),
    'C:\\eventscope',
  ),
  /**
   * SFTP path of a drive, `{drive}` being its letter in lower case: "/{drive}:" is OpenSSH for Windows,
   * "/cygdrive/{drive}" is Cygwin.
   */
  sftpDrives: v.optional(
    v.pipe(v.string(), v.startsWith('/', 'must begin with "/"'), v.includes('{drive}', 'must hold "{drive}"')),
    '/{drive}:',
  ),
  /** Text file on the target to which something there (a debug monitor, Wine) appends the kernel's debug output. */
  dbgPrintLog: v.optional(v.pipe(v.string(), v.regex(/^[A-Za-z]:\\[^"%$`'&|<>^!;()\r\n]+$/, 'must be a Windows path'))),
});

export type SshTargetSettings = v.InferOutput<typeof sshTargetSettings>;

/** The settings with every host path absolute: relative ones against the workspace folder, `~` the home folder. */
export function resolveHostPaths(settings: SshTargetSettings, workspace: string): SshTargetSettings {
  const { privateKey } = settings;
  return {
    ...settings,
    knownHosts: hostPath(settings.knownHosts, workspace),
    ...(privateKey === undefined ? {} : { privateKey: hostPath(privateKey, workspace) }),
  };
}

function hostPath(path: string, workspace: string): string {
  if (path === '~' || path.startsWith('~/') || path.startsWith('~\\')) return join(homedir(), path.slice(1));
  return isAbsolute(path) ? path : resolve(workspace, path);
}

/**
 * SFTP path of an absolute Windows path with a drive. The drive is given in lower case (`C:` and `c:` are one drive).
 * @throws EventscopeError "ssh.path" for relative, UNC and device paths, and for `..`.
 */
export function sftpPathOf(windowsPath: string, sftpDrives: string): string {
  const match = /^([A-Za-z]):[\\/](.*)$/s.exec(windowsPath);
  const parts = match?.[2]?.split(/[\\/]+/).filter((part) => part !== '') ?? [];

  const bad = parts.find((part) => part === '..' || part === '.' || /[<>:"|?*\u0000-\u001f]/.test(part));
  if (match === null || bad !== undefined) {
    throw new EventscopeError({
      id: 'ssh.path',
      what: `"${windowsPath}" cannot be reached by SFTP`,
      why: bad === undefined ? 'it is not a full Windows path with a drive' : `"${bad}" is not a name of a file`,
      next: 'Give a path such as C:\\eventscope\\bin\\eventsys.sys',
    });
  }
  const drive = sftpDrives.replaceAll('{drive}', (match[1] ?? '').toLowerCase()).replace(/\/+$/, '');
  return parts.length === 0 ? `${drive}/` : `${drive}/${parts.join('/')}`;
}
