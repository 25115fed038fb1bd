/**
 * The decision whether the machine that answers is the one that the user knows. Nothing is accepted on its own, and
 * known_hosts is never written: a key becomes known by a command that the user runs.
 */
import { readFile } from 'node:fs/promises';
import type { ServerHostKeyAlgorithm } from 'ssh2';
import { EventscopeError } from '../../protocol/errors.js';
import {
  checkHostKey,
  fingerprintOf,
  type HostKeyVerdict,
  keyTypeOf,
  type KnownHostsFile,
  knownHostName,
  knownKeyTypes,
  parseKnownHosts,
} from './known-hosts.js';
import type { SshTargetSettings } from './settings.js';

/** In OpenSSH's order of preference; SHA-1 signatures (ssh-rsa) and DSA are left out, as OpenSSH does since 8.8. */
const ALGORITHMS: readonly { readonly algorithm: ServerHostKeyAlgorithm; readonly keyType: string }[] = [
  { algorithm: 'ssh-ed25519', keyType: 'ssh-ed25519' },
  { algorithm: 'ecdsa-sha2-nistp256', keyType: 'ecdsa-sha2-nistp256' },
  { algorithm: 'ecdsa-sha2-nistp384', keyType: 'ecdsa-sha2-nistp384' },
  { algorithm: 'ecdsa-sha2-nistp521', keyType: 'ecdsa-sha2-nistp521' },
  { algorithm: 'rsa-sha2-512', keyType: 'ssh-rsa' },
  { algorithm: 'rsa-sha2-256', keyType: 'ssh-rsa' },
];

export class HostKeyGate {
  /** Why the last key was refused. */
  refusal: EventscopeError | undefined;

  private constructor(
    private readonly settings: SshTargetSettings,
    private readonly file: KnownHostsFile,
  ) {}

  /** A known_hosts that is not there knows no host. @throws EventscopeError "ssh.knownHosts" when it cannot be read. */
  static async load(settings: SshTargetSettings): Promise<HostKeyGate> {
    let text = '';
    try {
      text = await readFile(settings.knownHosts, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        throw new EventscopeError({
          id: 'ssh.knownHosts',
          what: 'The file of known host keys cannot be read',
          target: settings.name,
          why: (error as Error).message,
          next: 'Correct "knownHosts" of this target, or the rights of the file',
          cause: error,
        });
      }
    }
    return new HostKeyGate(settings, parseKnownHosts(text));
  }

  /** Signature algorithms to offer, those of known keys first: a server with several keys then shows a known one. */
  algorithms(): ServerHostKeyAlgorithm[] {
    const known = new Set(knownKeyTypes(this.file, this.settings.host, this.settings.port));
    return [
      ...ALGORITHMS.filter((entry) => known.has(entry.keyType)),
      ...ALGORITHMS.filter((entry) => !known.has(entry.keyType)),
    ].map((entry) => entry.algorithm);
  }

  accepts(key: Buffer): boolean {
    const verdict = checkHostKey(this.file, this.settings.host, this.settings.port, key);
    this.refusal = this.#refusalOf(verdict, key);
    return this.refusal === undefined;
  }

  #refusalOf(verdict: HostKeyVerdict, key: Buffer): EventscopeError | undefined {
    const { host, port, knownHosts, name: target } = this.settings;
    const name = knownHostName(host, port);
    const fingerprint = fingerprintOf(key);
    const keyType = keyTypeOf(key) ?? 'of no known type';
    const data = { host: name, keyType, fingerprint, knownHosts };
    switch (verdict.kind) {
      case 'known':
        return undefined;
      case 'unknown': {
        const others =
          verdict.otherTypes.length === 0 ? '' : `; known are its keys of type ${verdict.otherTypes.join(', ')}`;
        return new EventscopeError({
          id: 'ssh.hostKeyUnknown',
          what: `The host key of ${name} is not known`,
          target,
          why: `it showed ${keyType} ${fingerprint}, and ${knownHosts} does not hold that${others}`,
          next:
            `Compare this fingerprint with the one that the machine itself tells (ssh-keygen -lf on its public host ` +
            `key), and only then run: ssh-keyscan -p ${port} -t ${scanType(keyType)} ${host} >> "${knownHosts}"`,
          data,
        });
      }
      case 'changed':
        return new EventscopeError({
          id: 'ssh.hostKeyChanged',
          what: `THE HOST KEY OF ${name} HAS CHANGED: this may not be your test machine, someone may be in between`,
          target,
          why:
            `it showed ${keyType} ${fingerprint}, but line ${verdict.line} of ${knownHosts} holds ` +
            verdict.expectedFingerprint,
          next:
            `Nothing was sent to it. If the machine was installed anew, compare the fingerprint on the machine itself, ` +
            `then run: ssh-keygen -R "${name}" -f "${knownHosts}"`,
          data: { ...data, line: verdict.line, expected: verdict.expectedFingerprint },
        });
      case 'revoked':
        return new EventscopeError({
          id: 'ssh.hostKeyRevoked',
          what: `The host key of ${name} is revoked`,
          target,
          why: `${keyType} ${fingerprint} is marked @revoked in line ${verdict.line} of ${knownHosts}`,
          next: 'Do not connect to it; give the machine a new host key',
          data: { ...data, line: verdict.line },
        });
    }
  }
}

/** ssh-keyscan's name of a key type. */
function scanType(keyType: string): string {
  if (keyType.startsWith('ecdsa-')) return 'ecdsa';
  return keyType.replace(/^ssh-/, '');
}
