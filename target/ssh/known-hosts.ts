/**
 * The known_hosts file of OpenSSH: which host keys the user has accepted. Pure: text in, verdict out.
 *
 * Format and matching as sshd(8) "SSH_KNOWN_HOSTS FILE FORMAT" tells: one entry a line, `[@marker] patterns type key
 * [comment]`; patterns are comma-separated with `*`, `?` and a leading `!`, or one hashed name `|1|salt|hash`
 * (HMAC-SHA1). A host on a port other than 22 is written `[host]:port`.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

export interface KnownHost {
  /** 1-based line in the file. */
  readonly line: number;
  readonly marker: 'none' | 'revoked' | 'cert-authority';
  readonly patterns: string;
  readonly keyType: string;
  /** The key as it travels: string type, then the type's own fields. */
  readonly key: Buffer;
}

export interface KnownHostsFile {
  readonly entries: readonly KnownHost[];
  /** Lines that are neither entries, comments nor empty: they accept nothing. */
  readonly damagedLines: readonly number[];
}

export type HostKeyVerdict =
  | { readonly kind: 'known'; readonly line: number }
  /** No entry for this host at all, or entries of other key types only (otherTypes). */
  | { readonly kind: 'unknown'; readonly otherTypes: readonly string[] }
  /** An entry of the same type holds another key. */
  | { readonly kind: 'changed'; readonly line: number; readonly expectedFingerprint: string }
  | { readonly kind: 'revoked'; readonly line: number };

const DEFAULT_PORT = 22;
const HASHED_NAME = /^\|1\|([A-Za-z0-9+/=]+)\|([A-Za-z0-9+/=]+)$/;

export function parseKnownHosts(text: string): KnownHostsFile {
  const entries: KnownHost[] = [];
  const damagedLines: number[] = [];
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const content = raw.trim();
    if (content === '' || content.startsWith('#')) continue;
    const entry = parseEntry(content, index + 1);
    if (entry === undefined) damagedLines.push(index + 1);
    else entries.push(entry);
  }
  return { entries, damagedLines };
}

function parseEntry(content: string, line: number): KnownHost | undefined {
  const fields = content.split(/[ \t]+/);
  let marker: KnownHost['marker'] = 'none';
  if (fields[0]?.startsWith('@') === true) {
    if (fields[0] === '@revoked') marker = 'revoked';
    else if (fields[0] === '@cert-authority') marker = 'cert-authority';
    else return undefined;
    fields.shift();
  }
  const [patterns, keyType, encoded] = fields;
  if (patterns === undefined || keyType === undefined || encoded === undefined) return undefined;
  const key = Buffer.from(encoded, 'base64');
  // A type that the key itself does not confirm is a damaged or forged line.
  if (keyTypeOf(key) !== keyType) return undefined;
  return { line, marker, patterns, keyType, key };
}

/** The type that a key blob names in its first string (RFC 4253, 6.6); undefined when it is not a key blob. */
export function keyTypeOf(key: Uint8Array): string | undefined {
  const blob = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  if (blob.length < 4) return undefined;
  const length = blob.readUInt32BE(0);
  if (length === 0 || length > 64 || blob.length < 4 + length) return undefined;
  return blob.toString('latin1', 4, 4 + length);
}

/** As ssh-keygen -l prints it: "SHA256:" and unpadded base64. */
export function fingerprintOf(key: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** The name under which known_hosts keeps a host: "host", or "[host]:port" on another port than 22. */
export function knownHostName(host: string, port: number): string {
  const lower = host.toLowerCase();
  return port === DEFAULT_PORT ? lower : `[${lower}]:${port}`;
}

/**
 * Judges the key that a server showed. A revocation wins over everything. On another port than 22 an entry without
 * a port counts only when it holds this very key, as ssh(1) does it: a machine behind a forwarded port is then known,
 * and nothing is called changed because another service answers there.
 */
export function checkHostKey(file: KnownHostsFile, host: string, port: number, key: Uint8Array): HostKeyVerdict {
  const name = knownHostName(host, port);
  const names = port === DEFAULT_PORT ? [name] : [name, host.toLowerCase()];
  const revoked = file.entries.find(
    (entry) => entry.marker === 'revoked' && sameKey(entry.key, key) && names.some((n) => matches(entry.patterns, n)),
  );
  if (revoked !== undefined) return { kind: 'revoked', line: revoked.line };

  const type = keyTypeOf(key);
  const plain = file.entries.filter((entry) => entry.marker === 'none');
  const ours = plain.filter((entry) => matches(entry.patterns, name));
  const same = ours.find((entry) => sameKey(entry.key, key));
  if (same !== undefined) return { kind: 'known', line: same.line };
  const ofType = ours.find((entry) => entry.keyType === type);
  if (ofType !== undefined) {
    return { kind: 'changed', line: ofType.line, expectedFingerprint: fingerprintOf(ofType.key) };
  }
  if (ours.length === 0 && port !== DEFAULT_PORT) {
    const portless = plain.find((entry) => matches(entry.patterns, host.toLowerCase()) && sameKey(entry.key, key));
    if (portless !== undefined) return { kind: 'known', line: portless.line };
  }
  return { kind: 'unknown', otherTypes: [...new Set(ours.map((entry) => entry.keyType))] };
}

/** Key types known for a host, so that the server is asked for one of them first. */
export function knownKeyTypes(file: KnownHostsFile, host: string, port: number): readonly string[] {
  const names = [knownHostName(host, port), host.toLowerCase()];
  const of = (name: string | undefined): readonly KnownHost[] =>
    name === undefined ? [] : file.entries.filter((e) => e.marker === 'none' && matches(e.patterns, name));
  const ours = of(names[0]);
  return [...new Set((ours.length > 0 ? ours : of(names[1])).map((entry) => entry.keyType))];
}

function sameKey(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}

/** A name matches when some pattern does and no negated one does. */
function matches(patterns: string, name: string): boolean {
  const hashed = HASHED_NAME.exec(patterns);
  if (hashed !== null) {
    const [, salt = '', expected = ''] = hashed;
    const actual = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest();
    return sameKey(actual, Buffer.from(expected, 'base64'));
  }
  let found = false;
  for (const pattern of patterns.split(',')) {
    const negated = pattern.startsWith('!');
    if (!wildcardMatches(negated ? pattern.slice(1) : pattern, name)) continue;
    if (negated) return false;
    found = true;
  }
  return found;
}

/** Linear in pattern times name: one backtrack point suffices for `*`, so no pattern of a user can make it hang. */
function wildcardMatches(pattern: string, name: string): boolean {
  const wanted = pattern.toLowerCase();
  let p = 0;
  let n = 0;
  let star = -1;
  let resume = 0;
  while (n < name.length) {
    if (p < wanted.length && wanted[p] === '*') {
      star = p++;
      resume = n;
    } else if (p < wanted.length && (wanted[p] === '?' || wanted[p] === name[n])) {
      p++;
      n++;
    } else if (star >= 0) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (wanted[p] === '*') p++;
  return p === wanted.length;
}
