import assert from 'node:assert/strict';
import { openObjectCode, wideLiteral, win32ObjectName } from './open-object-code.js';

describe('code that opens an object', () => {
  it('names global and session objects as Win32 does', () => {
    assert.equal(win32ObjectName('\\BaseNamedObjects\\SharedEvent'), 'Global\\SharedEvent');
    assert.equal(win32ObjectName('\\Sessions\\1\\BaseNamedObjects\\Mine'), 'Mine');
    assert.equal(win32ObjectName('\\KernelObjects\\LowMemoryCondition'), undefined);
  });

  it('opens an event from an application', () => {
    const code = openObjectCode('\\BaseNamedObjects\\SharedEvent', 'Event', 'user');
    assert.match(code ?? '', /OpenEventW\(SYNCHRONIZE \| EVENT_MODIFY_STATE, FALSE, L"Global\\\\SharedEvent"\);/);
  });

  it('opens it from a driver by its full path', () => {
    const code = openObjectCode('\\BaseNamedObjects\\SharedEvent', 'Event', 'kernel') ?? '';
    assert.match(code, /RtlInitUnicodeString\(&name, L"\\\\BaseNamedObjects\\\\SharedEvent"\);/);
    assert.match(code, /ZwOpenEvent\(&handle, SYNCHRONIZE \| EVENT_MODIFY_STATE, &attributes\)/);
  });

  it('has none where the side cannot open it', () => {
    assert.equal(openObjectCode('\\KernelObjects\\LowMemoryCondition', 'Event', 'user'), undefined);
    assert.equal(openObjectCode('\\Device\\Null', 'Device', 'kernel'), undefined);
  });

  it('writes any name as a C literal that ends where the name ends', () => {
    assert.equal(wideLiteral('a"b\\c'), 'L"a\\"b\\\\c"');
    assert.equal(wideLiteral('äb'), 'L"\\x00e4" L"b"');
  });
});
