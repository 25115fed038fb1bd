import assert from 'node:assert/strict';
import {
  describeExitCode,
  describeNtstatus,
  describeServiceStartError,
  describeTraceStartError,
  describeWin32Error,
  ntstatusName,
  statusMeaning,
  win32ErrorName,
} from './status.js';
import { NTSTATUS_LINES, WIN32_LINES } from './status-names.js';

describe('status names', () => {
  it('names an NTSTATUS whether signed or not', () => {
    assert.equal(describeNtstatus(0xc0000034), 'STATUS_OBJECT_NAME_NOT_FOUND (0xC0000034): no object has this name');
    assert.equal(describeNtstatus(-1073741772), describeNtstatus(0xc0000034));
    assert.equal(describeNtstatus(0xc0de0001), 'NTSTATUS 0xC0DE0001');
  });

  it('tells the statuses that satisfy a wait from those that do not', () => {
    assert.equal(ntstatusName(0), 'STATUS_SUCCESS');
    assert.equal(ntstatusName(17), 'STATUS_WAIT_17');
    assert.equal(ntstatusName(0x82), 'STATUS_ABANDONED_WAIT_2');
    assert.equal(ntstatusName(0xc0), 'STATUS_USER_APC');
    assert.equal(ntstatusName(0x102), 'STATUS_TIMEOUT');
    assert.match(describeNtstatus(0x80), /owner ended without releasing/);
    assert.match(describeNtstatus(0x101), /not signaled/);
  });

  it('names Win32 errors', () => {
    assert.equal(describeWin32Error(1073), 'ERROR_SERVICE_EXISTS (1073): a service of this name exists already');
    assert.equal(win32ErrorName(577), 'ERROR_INVALID_IMAGE_HASH');
    assert.equal(describeWin32Error(54321), 'Win32 error 54321');
  });

  it('shows an exit code as a status when it is one', () => {
    assert.equal(describeExitCode(3), '3');
    assert.match(describeExitCode(0xc0000005), /^STATUS_ACCESS_VIOLATION \(0xC0000005\)/);
  });

  it('says the usual cause of a failed start, and what to do', () => {
    const unsigned = describeServiceStartError(577);
    assert.match(unsigned.why, /^ERROR_INVALID_IMAGE_HASH \(577\).*Test signing is off/);
    assert.match(unsigned.next, /bcdedit/);
    for (const code of [2, 3, 5, 6, 31, 87, 127, 183, 193, 216, 1053, 1056, 1058, 1060, 1062, 1067, 1072, 1073, 1275]) {
      const { why, next } = describeServiceStartError(code);
      assert.match(why, new RegExp(`^ERROR_\\w+ \\(${code}\\)`), `${code} has no name`);
      assert.ok(next.endsWith('.'), `${code} has no next step`);
    }
    assert.match(describeServiceStartError(1450).why, /ERROR_NO_SYSTEM_RESOURCES/);
  });

  it('says that tracing needs an elevated agent when the driver misses the privilege', () => {
    const refused = describeTraceStartError(0xc0000061 | 0);
    assert.match(refused?.why ?? '', /^STATUS_PRIVILEGE_NOT_HELD \(0xC0000061\).*SeDebugPrivilege.*not run elevated/);
    assert.match(refused?.next ?? '', /Run the agent elevated.*administrator/);
    assert.equal(describeTraceStartError(0xc0000010), undefined);
  });

  it('has no value twice and no meaning for a name that is not there', () => {
    for (const lines of [NTSTATUS_LINES, WIN32_LINES]) {
      const rows = lines.trim().split('\n');
      assert.equal(new Set(rows.map((row) => row.split(' ')[0])).size, rows.length);
      assert.ok(rows.length > 300);
    }
    const names = new Set(`${NTSTATUS_LINES}${WIN32_LINES}`.split(/\s+/));
    assert.deepEqual(
      ['STATUS_DRIVER_UNABLE_TO_LOAD', 'ERROR_DRIVER_BLOCKED'].filter((name) => !names.has(name)),
      [],
    );
    assert.equal(statusMeaning('STATUS_NO_SUCH_NAME'), undefined);
  });
});
