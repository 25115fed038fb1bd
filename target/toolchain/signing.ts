/**
 * Test signing. Each workspace has a certificate of its own, made at its first build; the private key never leaves
 * `.eventscope/keys` and only its owner can read it. A Windows machine accepts the driver with test signing on, and once
 * the certificate is in its Root and TrustedPublisher stores.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import { EventscopeError } from '../../protocol/errors.js';
import { runTool } from './tool.js';
import type { LinuxToolchain } from './find-linux.js';

export interface TestCertificate {
  /** PEM files. */
  readonly certificate: string;
  readonly key: string;
  /** SHA-256 of the certificate, in lower-case hex. */
  readonly sha256: string;
}

const DAYS = 3_650;
/** A certificate about to end is replaced: what it signed before stays as it is. */
const RENEW_BEFORE_MS = 30 * 24 * 3_600_000;

/**
 * The workspace's certificate; made when there is none, or when it ends soon or does not fit its key.
 * @throws EventscopeError `signing.failed`
 */
export async function testCertificate(
  tools: Pick<LinuxToolchain, 'openssl'>,
  keysFolder: string,
  signal: AbortSignal,
): Promise<TestCertificate> {
  const pair = {
    certificate: path.join(keysFolder, 'test', 'certificate.pem'),
    key: path.join(keysFolder, 'test', 'key.pem'),
  };
  const known = await readCertificate(pair);
  if (known !== undefined) return known;
  await mkdir(keysFolder, { recursive: true, mode: 0o700 });
  await chmod(keysFolder, 0o700);
  // Both files appear together, by the rename of their folder.
  const making = await mkdtemp(path.join(keysFolder, 'new-'));
  try {
    const args = ['req', '-x509', '-newkey', 'rsa:3072', '-sha256', '-nodes', '-days', String(DAYS)];
    const extensions = [
      'keyUsage=critical,digitalSignature',
      'extendedKeyUsage=critical,codeSigning',
      'basicConstraints=critical,CA:FALSE',
    ];
    const result = await runTool(
      tools.openssl,
      [
        ...args,
        ...['-subj', `/CN=Eventscope test certificate of ${commonName()}`],
        ...extensions.flatMap((extension) => ['-addext', extension]),
        ...['-keyout', path.join(making, 'key.pem'), '-out', path.join(making, 'certificate.pem')],
      ],
      { signal, timeoutMs: 60_000 },
    );
    if (result.exitCode !== 0) throw signingFailed('The test certificate could not be made', result.standardError);
    await chmod(path.join(making, 'key.pem'), 0o600);
    // A full disk cuts files short, and openssl does not always say so.
    const made = { certificate: path.join(making, 'certificate.pem'), key: path.join(making, 'key.pem') };
    if ((await readCertificate(made)) === undefined) {
      throw signingFailed(
        'The test certificate could not be made',
        'what openssl wrote is no certificate with its key',
      );
    }
    await rm(path.dirname(pair.key), { recursive: true, force: true });
    await rename(making, path.dirname(pair.key));
  } finally {
    await rm(making, { recursive: true, force: true });
  }
  const made = await readCertificate(pair);
  if (made === undefined)
    throw signingFailed('The test certificate could not be made', `${pair.certificate} is not readable`);
  return made;
}

/** The user's name; user names may hold what a distinguished name gives a meaning. */
export function commonName(): string {
  return userInfo().username.replace(/[^A-Za-z0-9_.-]/g, '') || 'user';
}

async function readCertificate(pair: { certificate: string; key: string }): Promise<TestCertificate | undefined> {
  try {
    const parsed = new X509Certificate(await readFile(pair.certificate));
    if (Date.parse(parsed.validTo) - Date.now() < RENEW_BEFORE_MS) return undefined;
    if (!parsed.checkPrivateKey(createPrivateKey(await readFile(pair.key)))) return undefined;
    const { mode } = await stat(pair.key);
    if ((mode & 0o077) !== 0) await chmod(pair.key, 0o600);
    return { ...pair, sha256: parsed.fingerprint256.replaceAll(':', '').toLowerCase() };
  } catch {
    return undefined;
  }
}

/**
 * Signs `unsigned` into `signed` with SHA-256 and verifies what was written.
 * @throws EventscopeError `signing.failed`
 */
export async function signDriver(
  tools: Pick<LinuxToolchain, 'osslsigncode'>,
  certificate: TestCertificate,
  unsigned: string,
  signed: string,
  signal: AbortSignal,
): Promise<void> {
  await rm(signed, { force: true });
  const args = ['sign', '-h', 'sha256', '-certs', certificate.certificate, '-key', certificate.key];
  const result = await runTool(tools.osslsigncode, [...args, '-in', unsigned, '-out', signed], {
    signal,
    timeoutMs: 60_000,
  });
  if (result.exitCode !== 0) {
    throw signingFailed(
      `${path.basename(unsigned)} could not be signed`,
      `${result.standardOutput}${result.standardError}`,
    );
  }
  await verifySignature(tools, certificate, signed, signal);
}

/**
 * Checks that the file's signature is valid and was made by this certificate.
 * @throws EventscopeError `signing.invalid`
 */
export async function verifySignature(
  tools: Pick<LinuxToolchain, 'osslsigncode'>,
  certificate: Pick<TestCertificate, 'certificate'>,
  signed: string,
  signal: AbortSignal,
): Promise<void> {
  const result = await runTool(tools.osslsigncode, ['verify', '-CAfile', certificate.certificate, '-in', signed], {
    signal,
    timeoutMs: 60_000,
  });
  if (result.exitCode !== 0) {
    throw new EventscopeError({
      id: 'signing.invalid',
      what: `The signature of ${path.basename(signed)} is not valid`,
      why: lastLines(`${result.standardOutput}${result.standardError}`),
      next: 'Build again.',
    });
  }
}

function signingFailed(what: string, output: string): EventscopeError {
  return new EventscopeError({ id: 'signing.failed', what, why: lastLines(output) });
}

function lastLines(output: string): string {
  return output.trim().split(/\r?\n/).slice(-4).join(' ');
}
