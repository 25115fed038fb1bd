/**
 * How the user proves who he is: a private key file, or an SSH agent. No passwords: none is kept, so none can leak.
 */
import { readFile } from 'node:fs/promises';
import ssh2, { type ConnectConfig } from 'ssh2';
import { EventscopeError } from '../../protocol/errors.js';
import type { SshTargetSettings } from './settings.js';

const WINDOWS_AGENT_PIPE = '\\\\.\\pipe\\openssh-ssh-agent';

/** @throws EventscopeError "ssh.privateKey" when there is no key that can be used. */
export async function authenticationConfig(settings: SshTargetSettings): Promise<ConnectConfig> {
  if (settings.privateKey !== undefined) return { privateKey: await readPrivateKey(settings, settings.privateKey) };
  const agent =
    settings.agent ?? process.env['SSH_AUTH_SOCK'] ?? (process.platform === 'win32' ? WINDOWS_AGENT_PIPE : undefined);
  if (agent === undefined) {
    throw keyError(
      settings,
      'neither "privateKey" is set nor does an SSH agent run (SSH_AUTH_SOCK is empty)',
      'Set "privateKey" of this target, or start ssh-agent and add the key with ssh-add',
    );
  }
  return { agent };
}

async function readPrivateKey(settings: SshTargetSettings, path: string): Promise<Buffer> {
  let text: Buffer;
  try {
    text = await readFile(path);
  } catch (error) {
    throw keyError(settings, `${path}: ${(error as Error).message}`, 'Correct "privateKey" of this target', error);
  }
  const parsed = ssh2.utils.parseKey(text);
  if (parsed instanceof Error) {
    const encrypted = /passphrase/i.test(parsed.message);
    throw keyError(
      settings,
      encrypted ? `${path} is protected by a passphrase` : `${path}: ${parsed.message}`,
      encrypted
        ? `Add it to an SSH agent (ssh-add ${path}) and leave out "privateKey"`
        : 'Give a private key in OpenSSH or PEM form',
      parsed,
    );
  }
  if (!parsed.isPrivateKey()) {
    throw keyError(settings, `${path} holds a public key`, 'Give the private key, the file without .pub');
  }
  return text;
}

function keyError(settings: SshTargetSettings, why: string, next: string, cause?: unknown): EventscopeError {
  return new EventscopeError({
    id: 'ssh.privateKey',
    what: `No private key for ${settings.user}@${settings.host}`,
    target: settings.name,
    why,
    next,
    cause,
  });
}
