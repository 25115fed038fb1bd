import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import {
  checkHostKey,
  fingerprintOf,
  keyTypeOf,
  knownHostName,
  knownKeyTypes,
  parseKnownHosts,
} from './known-hosts.js';

/** Made by ssh-keygen, whose own answers (fingerprints, hashed lines) are the expected values below. */
const FIRST = 'AAAAC3NzaC1lZDI1NTE5AAAAIHhtiKRZKtpYCs//IIgXjgGVd7bcfCvridYusBHRo0T8';
const SECOND = 'AAAAC3NzaC1lZDI1NTE5AAAAIJZajAgIb/mg7E7ot8CmguJYAF5lhQqqnz4+FzKSAeyr';
const ECDSA =
  'AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBBxnSPmLmR6lzsXPgGevjKPTBb0uGU472pIkvlJPxDRTLjJCwrDtEOVpPzRRQq0eWjVfni+bPPLPYnqT3dZDt8E=';
const HASHED = `|1|ZNBhFiNb7Q+uRB2L39lUbx3qBb4=|HRfcG+u8kKKdkhmEnrSY1kKH6m8= ssh-ed25519 ${FIRST}
|1|XIi+5Vj552htojpPv7rShjvJRbs=|ro57BXZFkzi3tdN50OaHMC2pN/4= ssh-ed25519 ${SECOND}`;

const key = (base64: string): Buffer => Buffer.from(base64, 'base64');
const check = (text: string, host: string, port: number, blob: string): ReturnType<typeof checkHostKey> =>
  checkHostKey(parseKnownHosts(text), host, port, key(blob));

describe('known_hosts', () => {
  it("gives the fingerprints that ssh-keygen -l gives, and the key's own type", () => {
    assert.equal(fingerprintOf(key(FIRST)), 'SHA256:ZosxM8ptKezQWmvGN/xMhGhhmCHpbvZ0pV1Fui4RQpI');
    assert.equal(fingerprintOf(key(ECDSA)), 'SHA256:9ZXVDUa8/0pcaub37y2JVns0ceBnIUAAX9/srZemajw');
    assert.equal(keyTypeOf(key(ECDSA)), 'ecdsa-sha2-nistp256');
    assert.equal(keyTypeOf(Buffer.from([0, 0, 0, 200, 1])), undefined);
  });

  it('finds names hashed by ssh-keygen -H, with and without a port', () => {
    assert.deepEqual(check(HASHED, 'example.test', 22, FIRST), { kind: 'known', line: 1 });
    assert.deepEqual(check(HASHED, 'EXAMPLE.test', 2222, SECOND), { kind: 'known', line: 2 });
    assert.deepEqual(check(HASHED, 'other.test', 22, FIRST), { kind: 'unknown', otherTypes: [] });
  });

  it('calls another key of the same type changed, and says what was expected', () => {
    assert.deepEqual(check(HASHED, 'example.test', 22, SECOND), {
      kind: 'changed',
      line: 1,
      expectedFingerprint: fingerprintOf(key(FIRST)),
    });
    assert.equal(check(HASHED, 'example.test', 2222, FIRST).kind, 'changed');
  });

  it('does not know a key of another type, and names the types that it knows', () => {
    assert.deepEqual(check(`a.test ssh-ed25519 ${FIRST}`, 'a.test', 22, ECDSA), {
      kind: 'unknown',
      otherTypes: ['ssh-ed25519'],
    });
  });

  it('accepts any of several keys of one type', () => {
    const text = `a.test ssh-ed25519 ${FIRST}\na.test ssh-ed25519 ${SECOND} second`;
    assert.deepEqual(check(text, 'a.test', 22, FIRST), { kind: 'known', line: 1 });
    assert.deepEqual(check(text, 'a.test', 22, SECOND), { kind: 'known', line: 2 });
  });

  it('lets a revocation win, wherever it stands, hashed or with a pattern', () => {
    assert.deepEqual(check(`a.test ssh-ed25519 ${FIRST}\n@revoked * ssh-ed25519 ${FIRST}`, 'a.test', 22, FIRST), {
      kind: 'revoked',
      line: 2,
    });
    assert.deepEqual(check(`@revoked ${HASHED.split('\n')[0] ?? ''}`, 'example.test', 22, FIRST), {
      kind: 'revoked',
      line: 1,
    });
    // Revoked for the bare host name counts on other ports as well.
    assert.equal(check(`@revoked a.test ssh-ed25519 ${FIRST}`, 'a.test', 2222, FIRST).kind, 'revoked');
  });

  it('never takes a certificate authority or a revoked key for an accepted host key', () => {
    assert.equal(check(`@cert-authority *.test ssh-ed25519 ${FIRST}`, 'a.test', 22, FIRST).kind, 'unknown');
    assert.equal(check(`@revoked a.test ssh-ed25519 ${SECOND}`, 'a.test', 22, FIRST).kind, 'unknown');
  });

  it('reads patterns as ssh does: *, ?, lists, and a negation that wins', () => {
    const text = `*.lab.test,!bad.lab.test,box-? ssh-ed25519 ${FIRST}`;
    assert.equal(check(text, 'one.lab.test', 22, FIRST).kind, 'known');
    assert.equal(check(text, 'bad.lab.test', 22, FIRST).kind, 'unknown');
    assert.equal(check(text, 'box-7', 22, FIRST).kind, 'known');
    assert.equal(check(text, 'box-77', 22, FIRST).kind, 'unknown');
    assert.equal(check(`[a.test]:* ssh-ed25519 ${FIRST}`, 'a.test', 2022, FIRST).kind, 'known');
  });

  it('takes an entry without a port for another port only when it holds the very key', () => {
    const text = `a.test ssh-ed25519 ${FIRST}`;
    assert.equal(check(text, 'a.test', 2222, FIRST).kind, 'known');
    assert.equal(check(text, 'a.test', 2222, SECOND).kind, 'unknown');
    assert.equal(check(`[a.test]:2222 ssh-ed25519 ${FIRST}`, 'a.test', 22, FIRST).kind, 'unknown');
    // An entry for this port decides alone.
    const both = `a.test ssh-ed25519 ${FIRST}\n[a.test]:2222 ssh-ed25519 ${SECOND}`;
    assert.equal(check(both, 'a.test', 2222, FIRST).kind, 'changed');
  });

  it('asks the server for the known types only as far as they are known', () => {
    const file = parseKnownHosts(`a.test ssh-ed25519 ${FIRST}\n[a.test]:2222 ecdsa-sha2-nistp256 ${ECDSA}`);
    assert.deepEqual(knownKeyTypes(file, 'a.test', 22), ['ssh-ed25519']);
    assert.deepEqual(knownKeyTypes(file, 'a.test', 2222), ['ecdsa-sha2-nistp256']);
    assert.deepEqual(knownKeyTypes(file, 'a.test', 2200), ['ssh-ed25519']);
    assert.deepEqual(knownKeyTypes(file, 'b.test', 22), []);
  });

  it('counts damaged lines and goes on behind them', () => {
    const file = parseKnownHosts(
      [
        '# comment',
        '',
        'a.test',
        `a.test ssh-rsa ${FIRST}`,
        `@unheard-of a.test ssh-ed25519 ${FIRST}`,
        `a.test\tssh-ed25519\t${FIRST}\r`,
      ].join('\n'),
    );
    assert.deepEqual(file.damagedLines, [3, 4, 5]);
    assert.deepEqual(
      file.entries.map((entry) => entry.line),
      [6],
    );
  });

  it('writes IPv6 addresses and ports as ssh does', () => {
    assert.equal(knownHostName('FE80::1', 22), 'fe80::1');
    assert.equal(knownHostName('fe80::1', 2222), '[fe80::1]:2222');
  });

  it('never throws, never hangs, and never knows a key that no line holds', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 400, unit: 'binary' }), (text) => {
        const verdict = check(text, 'a.test', 22, FIRST);
        assert.equal(verdict.kind, 'unknown');
      }),
    );
    const stars = `${'*a'.repeat(2_000)} ssh-ed25519 ${FIRST}`;
    assert.equal(check(stars, 'a'.repeat(250), 22, FIRST).kind, 'unknown');
  });
});
