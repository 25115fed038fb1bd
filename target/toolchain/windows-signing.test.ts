/** What PowerShell and signtool are told, and what their answers mean. They run on Windows alone, and have not yet. */
import assert from 'node:assert/strict';
import {
  certificateArguments,
  parseStoreCertificate,
  signArguments,
  verificationFailure,
  verifyArguments,
} from './windows-signing.js';

const THUMBPRINT = '0123456789ABCDEF0123456789ABCDEF01234567';

/** Made by openssl for this test: self-signed, EC P-256, CN=Eventscope fixture, valid to 2126. Its key is gone. */
const DER =
  'MIIBkTCCATegAwIBAgIUFSwCRE83TdsBtFzvEF9ap1Q6syUwCgYIKoZIzj0EAwIwHTEbMBkGA1UEAwwSRXZlbnRzY29wZSBmaXh0dXJlMCAXDT' +
  'I2MTEyMjE2NDMwOVoYDzIxMjYxMDI5MTY0MzA5WjAdMRswGQYDVQQDDBJFdmVudHNjb3BlIGZpeHR1cmUwWTATBgcqhkjOPQIBBggqhkjOPQMB' +
  'BwNCAARHTqDF4NlqgP2nsJsKSKtsnIp6IuMT4HlwSka+c4EbYCWuTs3pua0A3odPjZ5c708ur5sERRHZTEFSGfvGFCEto1MwUTAdBgNVHQ4EFg' +
  'QUFU6Po5UeLRoVVitwnNXha74Ex7YwHwYDVR0jBBgwFoAUFU6Po5UeLRoVVitwnNXha74Ex7YwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQD' +
  'AgNIADBFAiEA55nHUnTnfyEH/n1xPK7U9FBvttbJBSqOZOcOsRBESYgCIB92CODhbB21/A9+HkvEgbiT/xfp4KvYQBMzu/7Gsd25';

describe('signing on Windows (fixtures; not run on Windows)', () => {
  it('asks PowerShell for the certificate of the user’s store, and quotes the name', () => {
    const args = certificateArguments("Test of O'Neil");
    assert.deepEqual(args.slice(0, 3), ['-NoProfile', '-NonInteractive', '-EncodedCommand']);
    const script = Buffer.from(args[3] ?? '', 'base64').toString('utf16le');
    assert.match(script, /New-SelfSignedCertificate -Type CodeSigningCert -Subject 'CN=Test of O''Neil' /);
    assert.match(script, /-HashAlgorithm SHA256 .*-KeyExportPolicy NonExportable/);
    assert.match(script, /Where-Object \{ \$_\.Subject -eq 'CN=Test of O''Neil' -and \$_\.HasPrivateKey/);
  });

  it('reads the certificate that PowerShell prints', () => {
    const certificate = parseStoreCertificate(`a warning\r\n${DER}\r\n`);
    assert.equal(certificate?.thumbprint, '634DE226557670AC93A098D9830F0F2C7D6EB06B');
    assert.equal(certificate.sha256, '7667e22e9d481c76587e29c3916ace6dc5384236ed5b44810eaea8b8c29b3cff');
    assert.match(certificate.pem, /^-----BEGIN CERTIFICATE-----/);
    for (const output of ['', 'not base64!', 'AAAA']) assert.equal(parseStoreCertificate(output), undefined, output);
  });

  it('signs by the certificate’s thumbprint, and verifies for any code', () => {
    assert.equal(
      signArguments(THUMBPRINT, 'C:\\b c\\x.sys').join(' '),
      `sign /q /fd sha256 /s My /sha1 ${THUMBPRINT} C:\\b c\\x.sys`,
    );
    assert.deepEqual(verifyArguments('x.sys'), ['verify', '/pa', '/v', 'x.sys']);
  });

  const chain = (hash: string): string =>
    `\nVerifying: x.sys\n\nSigning Certificate Chain:\n    Issued to: Eventscope\n    SHA1 hash: ${hash}\n`;
  const untrusted =
    'SignTool Error: A certificate chain processed, but terminated in a root\n\tcertificate which is not trusted by the trust provider.\n';
  const changed = 'SignTool Error: WinVerifyTrust returned error: 0x80096010\n\nNumber of errors: 1\n';
  const cases: [title: string, exitCode: number, output: string, error: string, why: RegExp | undefined][] = [
    ['valid and trusted', 0, chain(THUMBPRINT), '', undefined],
    ['valid, and this host does not trust the root', 1, chain(THUMBPRINT), untrusted, undefined],
    ['signed by another, trusted', 0, chain('F'.repeat(40)), '', /not signed by the test certificate/],
    ['signed by another, untrusted', 1, chain('F'.repeat(40)), untrusted, /not signed by the test certificate/],
    ['changed after signing', 1, chain(THUMBPRINT), changed, /^WinVerifyTrust returned error: 0x80096010$/],
    ['not signed', 1, '', 'SignTool Error: No signature found.\n', /^No signature found\.$/],
    ['nothing said', 3, '', '', /ended with 3/],
  ];
  for (const [title, exitCode, standardOutput, standardError, why] of cases) {
    it(`judges what signtool verify says: ${title}`, () => {
      const found = verificationFailure({ exitCode, standardOutput, standardError }, THUMBPRINT);
      if (why === undefined) assert.equal(found, undefined);
      else assert.match(found ?? '', why);
    });
  }
});
