import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import * as v from 'valibot';
import { EventscopeError } from '../../protocol/errors.js';
import { resolveHostPaths, sftpPathOf, sshTargetSettings } from './settings.js';

const MINIMAL = { name: 'lab', kind: 'ssh', host: 'lab.test', user: 'dev' };

function firstIssue(input: unknown): string | undefined {
  const result = v.safeParse(sshTargetSettings, input);
  return result.success ? undefined : (v.getDotPath(result.issues[0]) ?? '');
}

describe('settings of an ssh target', () => {
  it('need a name, a host and a user', () => {
    const settings = v.parse(sshTargetSettings, MINIMAL);
    assert.equal(settings.port, 22);
    assert.equal(settings.folder, 'C:\\eventscope');
    assert.equal(settings.sftpDrives, '/{drive}:');
    for (const key of ['name', 'host', 'user']) {
      assert.equal(firstIssue(Object.fromEntries(Object.entries(MINIMAL).filter(([k]) => k !== key))), key);
    }
  });

  it('name the key whose value is wrong', () => {
    assert.equal(firstIssue({ ...MINIMAL, port: 0 }), 'port');
    assert.equal(firstIssue({ ...MINIMAL, host: 'dev@lab.test' }), 'host');
    assert.equal(firstIssue({ ...MINIMAL, host: '-oProxyCommand=x' }), 'host');
    assert.equal(firstIssue({ ...MINIMAL, sftpDrives: '/drives' }), 'sftpDrives');
    assert.equal(firstIssue({ ...MINIMAL, password: 'x' }), 'password');
    assert.equal(firstIssue({ ...MINIMAL, dbgPrintLog: 'C:\\a & b.log' }), 'dbgPrintLog');
  });

  it('take only folders that cmd.exe and PowerShell read alike without quotes', () => {
    for (const folder of ['C:\\eventscope', 'd:\\lab_1\\event-scope', 'C:\\a.b\\c']) {
      assert.equal(firstIssue({ ...MINIMAL, folder }), undefined, folder);
    }
    for (const folder of [
      'C:\\',
      'eventscope',
      'C:\\a b',
      'C:\\a&b',
      'C:\\a\\..\\b',
      'C:\\a.',
      'C:/a',
      '\\\\s\\a',
      'C:\\%x%',
    ]) {
      assert.equal(firstIssue({ ...MINIMAL, folder }), 'folder', folder);
    }
  });

  it('resolve host paths against the home folder and the workspace', () => {
    const workspace = resolve('/w');
    const settings = resolveHostPaths(v.parse(sshTargetSettings, { ...MINIMAL, privateKey: 'keys/id' }), workspace);
    assert.equal(settings.knownHosts, join(homedir(), '.ssh', 'known_hosts'));
    assert.equal(settings.privateKey, join(workspace, 'keys', 'id'));
  });
});

describe('sftpPathOf', () => {
  it('writes a Windows path as each kind of server names it', () => {
    assert.equal(sftpPathOf('C:\\eventscope\\bin\\a.sys', '/{drive}:'), '/c:/eventscope/bin/a.sys');
    assert.equal(sftpPathOf('D:/x\\y', '/cygdrive/{drive}'), '/cygdrive/d/x/y');
    assert.equal(sftpPathOf('C:\\', '/{drive}:/'), '/c:/');
  });

  it('refuses what is no full path on a drive, or leaves it', () => {
    for (const path of [
      '',
      'a',
      'C:a',
      '\\a',
      '\\\\server\\share\\a',
      '\\\\?\\C:\\a',
      'C:\\a\\..\\..\\b',
      'C:\\a:b',
      'C:\\a\nb',
    ]) {
      assert.throws(
        () => sftpPathOf(path, '/{drive}:'),
        (error) => error instanceof EventscopeError && error.id === 'ssh.path',
        path,
      );
    }
  });

  it('never leaves the drive, whatever the path', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 12 }), { maxLength: 6 }), (names) => {
        let path: string;
        try {
          path = sftpPathOf(`C:\\${names.join('\\')}`, '/{drive}:');
        } catch (error) {
          assert.ok(error instanceof EventscopeError);
          return;
        }
        assert.ok(path.startsWith('/c:/'));
        assert.ok(!path.split('/').includes('..'));
      }),
    );
  });
});
