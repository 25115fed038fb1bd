import assert from 'node:assert/strict';
import { driverFaultError, driverFaultOf, firstFault } from './driver-fault.js';

describe('driver fault', () => {
  it('reads what Wine says of an unhandled exception', () => {
    assert.deepEqual(
      driverFaultOf(
        'wine: Unhandled page fault on write access to 0000000000000010 at address 00000001800010B0 (thread 0104), starting debugger...',
      ),
      { exception: 'page fault on write access to 0000000000000010', address: '00000001800010B0' },
    );
    assert.deepEqual(
      driverFaultOf(
        'wine: Unhandled exception 0x80000003 in thread 24 at address 0000000140001000 (thread 0024), starting debugger...',
      ),
      { exception: 'exception 0x80000003 in thread 24', address: '0000000140001000' },
    );
  });

  it('reads a call of a function that Wine lacks', () => {
    const fault = driverFaultOf(
      'wine: Call from 000000007B00FBEE to unimplemented function ntoskrnl.exe.KePulseEvent, aborting',
    );
    assert.equal(fault?.exception, "call of ntoskrnl.exe.KePulseEvent, which Wine's kernel does not have");
  });

  it('finds none in what drivers print', () => {
    assert.equal(
      firstFault([
        { utcMs: 1, text: 'wine: hello' },
        { utcMs: 2, text: 'Unhandled page fault' },
      ]),
      undefined,
    );
  });

  it('is told as the bugcheck that it would be', () => {
    const fault = { exception: 'page fault on read access to 0', address: '00000001' };
    const base = { id: 'x', driver: 'd', target: 'wine', fault, lines: [], next: 'n' };
    assert.match(
      driverFaultError({ ...base, where: 'DriverEntry' }).message,
      /bugcheck 0x7E \(SYSTEM_THREAD_EXCEPTION_NOT_HANDLED\)/,
    );
    assert.match(
      driverFaultError({ ...base, where: 'the run' }).message,
      /during the run.*bugcheck 0x3B \(SYSTEM_SERVICE_EXCEPTION\) in a request, or 0x7E .*, or 0xD1 /,
    );
    assert.match(driverFaultError({ ...base, where: 'the run', fault: undefined }).message, /its host process ended/);
  });
});
