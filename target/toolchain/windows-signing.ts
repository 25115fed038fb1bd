/**
 * Test signing on a Windows host: a certificate in the user's own store, whose key never leaves it, and the SDK's signtool.
 * The arguments and the answers' meaning are tested with fixtures; none of it has run on a real Windows machine yet.
 *
 * Sources: "New-SelfSignedCertificate" (PowerShell's PKI module) and "SignTool" (Windows SDK) of Microsoft's documentation.
 */
import { X509Certificate } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { EventscopeError } from '../../protocol/errors.js';
import type { WindowsToolchain } from './find-windows.js';
import { commonName } from './signing.js';
import { runTool, type ToolRun } from './tool.js';

export interface StoreCertificate {
  /** SHA-1 of the certificate in upper-case hex, by which Windows names it. */
  readonly thumbprint: string;
  /** SHA-256 of the certificate in lower-case hex. */
  readonly sha256: string;
  readonly pem: string;
}

const SIGN_TIMEOUT_MS = 60_000;

/** Windows PowerShell's arguments: finds the certificate or makes it, and prints it, DER in base64. */
export function certificateArguments(subject: string): string[] {
  const name = `'${`CN=${subject}`.replaceAll("'", "''")}'`;
  const script = [
    "$ErrorActionPreference = 'Stop'",
    "$store = 'Cert:\\CurrentUser\\My'",
    `$found = Get-ChildItem $store -CodeSigningCert | Where-Object { $_.Subject -eq ${name} -and $_.HasPrivateKey -and ` +
      '$_.NotAfter -gt (Get-Date).AddDays(30) } | Sort-Object NotAfter | Select-Object -Last 1',
    `if (-not $found) { $found = New-SelfSignedCertificate -Type CodeSigningCert -Subject ${name} -KeyAlgorithm RSA ` +
      '-KeyLength 3072 -HashAlgorithm SHA256 -KeyUsage DigitalSignature -KeyExportPolicy NonExportable ' +
      '-CertStoreLocation $store -NotAfter (Get-Date).AddDays(3650) }',
    '[Convert]::ToBase64String($found.RawData)',
  ].join('; ');
  // UTF-16 in base64: no quoting of a shell's on the way.
  const encoded = Buffer.from(script, 'utf16le').toString('base64');
  return ['-NoProfile', '-NonInteractive', '-EncodedCommand', encoded];
}

/** The certificate that {@link certificateArguments} made PowerShell print; undefined when it printed none. */
export function parseStoreCertificate(output: string): StoreCertificate | undefined {
  const last = output.trim().split(/\r?\n/).at(-1) ?? '';
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(last)) return undefined;
  try {
    const parsed = new X509Certificate(Buffer.from(last, 'base64'));
    return {
      thumbprint: parsed.fingerprint.replaceAll(':', ''),
      sha256: parsed.fingerprint256.replaceAll(':', '').toLowerCase(),
      pem: parsed.toString(),
    };
  } catch {
    return undefined;
  }
}

export function signArguments(thumbprint: string, file: string): string[] {
  return ['sign', '/q', '/fd', 'sha256', '/s', 'My', '/sha1', thumbprint, file];
}

export function verifyArguments(file: string): string[] {
  // /pa: the policy for any code; the default one wants Microsoft's own chain for drivers. /v: tells who signed.
  return ['verify', '/pa', '/v', file];
}

const UNTRUSTED_ROOT = /terminated in a root certificate which is not trusted/i;

/**
 * What `signtool verify` found.
 * @returns why the signature is not valid; undefined when it is
 */
export function verificationFailure(run: ToolRun, thumbprint: string): string | undefined {
  const text = `${run.standardOutput}\n${run.standardError}`.replace(/\s+/g, ' ').trim();
  const signers = [...text.matchAll(/SHA1 hash: ([0-9A-Fa-f]{40})/g)].map((match) => match[1]?.toUpperCase());
  if (run.exitCode === 0 || UNTRUSTED_ROOT.test(text)) {
    // The test machine trusts this certificate; this host need not. Contents are checked before the chain.
    return signers.includes(thumbprint) ? undefined : `it was not signed by the test certificate ${thumbprint}`;
  }
  return /SignTool Error: (.*?)(?= Number of |$)/.exec(text)?.[1] ?? `signtool ended with ${run.exitCode}`;
}

/**
 * The user's test certificate; made when there is none. Its public half is written where the clang build keeps its own.
 * @throws EventscopeError `signing.failed`
 */
export async function storeCertificate(
  tools: WindowsToolchain,
  keysFolder: string,
  signal: AbortSignal,
): Promise<StoreCertificate> {
  const args = certificateArguments(`Eventscope test certificate of ${commonName()}`);
  const run = await runTool('powershell.exe', args, {
    signal,
    environment: tools.environment,
    timeoutMs: SIGN_TIMEOUT_MS,
  });
  const certificate = run.exitCode === 0 ? parseStoreCertificate(run.standardOutput) : undefined;
  if (certificate === undefined) {
    throw new EventscopeError({
      id: 'signing.failed',
      what: 'The test certificate could not be made',
      why: run.standardError.trim().split(/\r?\n/)[0] ?? `powershell ended with ${run.exitCode}`,
      next: 'Check that New-SelfSignedCertificate works in Windows PowerShell for this user.',
    });
  }
  const file = path.join(keysFolder, 'test', 'certificate.pem');
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, certificate.pem);
  return certificate;
}

/**
 * Signs the file in place and verifies it.
 * @throws EventscopeError `signing.failed`, `signing.invalid`
 */
export async function signWithSigntool(
  tools: WindowsToolchain,
  certificate: StoreCertificate,
  file: string,
  signal: AbortSignal,
): Promise<void> {
  const options = { signal, environment: tools.environment, timeoutMs: SIGN_TIMEOUT_MS };
  const signed = await runTool(tools.signtool, signArguments(certificate.thumbprint, file), options);
  if (signed.exitCode !== 0) {
    const text = `${signed.standardOutput}${signed.standardError}`;
    throw new EventscopeError({
      id: 'signing.failed',
      what: `${path.basename(file)} could not be signed`,
      why: text.trim().split(/\r?\n/).slice(-4).join(' '),
    });
  }
  const verified = await runTool(tools.signtool, verifyArguments(file), options);
  const why = verificationFailure(verified, certificate.thumbprint);
  if (why === undefined) return;
  throw new EventscopeError({
    id: 'signing.invalid',
    what: `The signature of ${path.basename(file)} is not valid`,
    why,
    next: 'Build again.',
  });
}
