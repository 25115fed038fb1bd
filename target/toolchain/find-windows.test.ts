import assert from 'node:assert/strict';
import { EventscopeError } from '../../protocol/errors.js';
import {
  compareVersions,
  findWindowsToolchain,
  parseEnvironment,
  parseVswhere,
  type WindowsHost,
} from './find-windows.js';

const VSWHERE = 'C:\\Program Files (x86)\\Microsoft Visual Studio\\Installer\\vswhere.exe';
const MSBUILD = 'C:\\VS\\MSBuild\\Current\\Bin\\amd64\\MSBuild.exe';
const KITS = 'C:\\Program Files (x86)\\Windows Kits\\10';

/** A Windows machine made of a list of files: what is asked of it here is only what is where. */
function fixtureHost(files: string[], environment: NodeJS.ProcessEnv = {}, output = ''): WindowsHost {
  const all = new Set(files);
  return {
    environment,
    exists: (file) => Promise.resolve(all.has(file)),
    list: (folder) =>
      Promise.resolve([
        ...new Set(
          files
            .filter((file) => file.startsWith(`${folder}\\`))
            .map((file) => file.slice(folder.length + 1).split('\\')[0] ?? ''),
        ),
      ]),
    run: () => Promise.resolve(output),
  };
}

const ANSWER = JSON.stringify([{ instanceId: 'a', installationPath: 'C:\\VS', installationVersion: '17.9.34607.119' }]);

describe('finding the toolchain on Windows (fixtures; not run on Windows)', () => {
  it('finds MSBuild by vswhere and the newest signtool', async () => {
    const tools = await findWindowsToolchain(
      fixtureHost(
        [
          VSWHERE,
          MSBUILD,
          `${KITS}\\bin\\10.0.9.0\\x64\\signtool.exe`,
          `${KITS}\\bin\\10.0.26100.0\\x64\\signtool.exe`,
          `${KITS}\\bin\\x64\\signtool.exe`,
          `${KITS}\\Include\\10.0.26100.0\\km\\ntddk.h`,
        ],
        {},
        ANSWER,
      ),
    );
    assert.equal(tools.msbuild, MSBUILD);
    assert.equal(tools.signtool, `${KITS}\\bin\\10.0.26100.0\\x64\\signtool.exe`);
  });

  it('says what is missing and what brings it', async () => {
    await assert.rejects(findWindowsToolchain(fixtureHost([VSWHERE, MSBUILD], {}, ANSWER)), (error) => {
      assert.ok(error instanceof EventscopeError);
      assert.equal(error.id, 'toolchain.missing');
      assert.equal(error.why, 'ntddk.h, signtool not found');
      assert.match(error.next ?? '', /Windows Driver Kit, the Windows SDK/);
      return true;
    });
  });

  it('takes the environment that an EWDK sets up', async () => {
    const ewdk = 'E:';
    const host = fixtureHost(
      ['E:\\BuildEnv\\SetupBuildEnv.cmd', 'E:\\Program Files\\Windows Kits\\10\\bin\\10.0.22621.0\\x64\\signtool.exe'],
      { EWDK: ewdk + '\\' },
      'Path=E:\\bin\r\nA=b=c\r\n=C:=C:\\x\r\n',
    );
    const tools = await findWindowsToolchain(host);
    assert.deepEqual(tools.environment, { Path: 'E:\\bin', A: 'b=c' });
    assert.equal(tools.msbuild, 'msbuild.exe');
  });

  it('says so when EWDK names no EWDK', async () => {
    await assert.rejects(findWindowsToolchain(fixtureHost([], { EWDK: 'E:\\' })), /SetupBuildEnv\.cmd/);
  });

  it('orders versions by numbers and vswhere answers newest first', () => {
    assert.ok(compareVersions('10.0.26100.0', '10.0.9.0') > 0);
    assert.equal(compareVersions('1.2', '1.2.0'), 0);
    const answer = [
      { installationPath: 'old', installationVersion: '16.11.1' },
      { installationPath: 'new', installationVersion: '17.1.0' },
    ];
    assert.deepEqual(parseVswhere(`\uFEFF${JSON.stringify(answer)}`), ['new', 'old']);
    assert.deepEqual(parseVswhere('not json'), []);
    assert.deepEqual(parseVswhere('{"a":1}'), []);
  });

  it('reads what set prints', () => {
    assert.deepEqual(parseEnvironment('A=1\nB=\nno line\n'), { A: '1', B: '' });
  });
});
