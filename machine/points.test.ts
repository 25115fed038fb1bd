import assert from 'node:assert/strict';
import { TraceKind } from '../protocol/trace-layout.js';
import {
  argumentPlace,
  enteredBy,
  parameterBits,
  parameterPosition,
  pointNamed,
  pointOfImport,
  POINTS,
  recordKind,
  rolesOf,
  waitOutcome,
  type Point,
} from './points.js';

const named = (name: string): Point => {
  const point = pointNamed(name);
  assert.ok(point, `${name} is in the catalogue`);
  return point;
};

describe('catalogue of points', () => {
  it('names each function once, and an index leads back to it', () => {
    assert.equal(new Set(POINTS.map(({ name }) => name)).size, POINTS.length);
    for (const [index, point] of POINTS.entries()) {
      assert.equal(point.index, index);
      assert.equal(pointNamed(point.name), point);
    }
  });

  /** What each function of a role must tell, or a hit could not be shown in words. */
  it('says of each point which object it is about', () => {
    const subjects = [
      'object',
      'handle',
      'objects',
      'handles',
      'signalHandle',
      'irp',
      'waitedAddress',
      'threadId',
    ] as const;
    for (const point of POINTS) {
      const about = subjects.some((subject) => point.parameters.includes(subject));
      const makes = point.parameters.includes('newHandle') || point.returns === 'handle' || point.returns === 'object';
      assert.ok(about || makes || point.action === 'delay', point.name);
    }
  });

  it('gives each list of objects its count, and each wait its time and its result', () => {
    for (const point of POINTS) {
      if (point.parameters.includes('objects') || point.parameters.includes('handles')) {
        assert.equal(parameterPosition(point, 'count'), 0, point.name);
      }
      if (point.action !== 'wait' && point.action !== 'signalAndWait') continue;
      assert.ok(point.parameters.includes('timeout') || point.parameters.includes('milliseconds'), point.name);
      assert.ok(['waitStatus', 'win32Wait', 'bool', 'object'].includes(point.returns), point.name);
    }
  });

  it('enters only functions that it knows', () => {
    for (const point of POINTS) {
      for (const name of [...(point.enters ?? []), ...(point.entersOnWine ?? [])]) {
        // The kernel's own names of its services are no points: drivers call the Zw names.
        assert.ok(pointNamed(name) !== undefined || point.side === 'kernel', `${point.name} enters ${name}`);
      }
    }
  });

  it('agrees with the reference on where the arguments of the best known are', () => {
    const places: readonly (readonly [string, Parameters<typeof parameterPosition>[1], string])[] = [
      ['KeSetEvent', 'object', 'rcx'],
      ['KeSetEvent', 'waitFollows', 'r8'],
      ['KeReleaseSemaphore', 'adjustment', 'r8'],
      ['KeWaitForSingleObject', 'alertable', 'r9'],
      ['KeWaitForSingleObject', 'timeout', '+28'],
      ['KeWaitForMultipleObjects', 'objects', 'rdx'],
      ['KeWaitForMultipleObjects', 'alertable', '+30'],
      ['KeWaitForMultipleObjects', 'timeout', '+38'],
      ['NtSetEvent', 'previous', 'rdx'],
      ['NtWaitForMultipleObjects', 'handles', 'rdx'],
      ['NtWaitForMultipleObjects', 'timeout', '+28'],
      ['NtSignalAndWaitForSingleObject', 'timeout', 'r9'],
      ['KeDelayExecutionThread', 'timeout', 'r8'],
    ];
    for (const [name, parameter, expected] of places) {
      const place = argumentPlace(parameterPosition(named(name), parameter));
      const said = place.kind === 'register' ? place.register : `+${place.offset.toString(16)}`;
      assert.equal(said, expected, `${name} ${parameter}`);
    }
  });

  it('follows layers: one operation, one count', () => {
    assert.deepEqual([...enteredBy(named('WaitForSingleObject'), true)].sort(), [
      'NtWaitForMultipleObjects',
      'NtWaitForSingleObject',
    ]);
    assert.deepEqual([...enteredBy(named('WaitForSingleObject'), false)], ['NtWaitForSingleObject']);
    assert.ok(enteredBy(named('KeSetEvent'), true).has('NtSetEvent'));
    assert.equal(enteredBy(named('KeSetEvent'), false).size, 0);
    assert.ok(enteredBy(named('KeWaitForMutexObject'), true).has('NtWaitForMultipleObjects'));
  });

  it('finds points by the names of debuggers and of import tables', () => {
    assert.equal(pointNamed('nt!KeSetEvent'), named('KeSetEvent'));
    assert.equal(pointNamed('ntdll!KeSetEvent'), undefined);
    assert.equal(pointNamed('kernelbase!SetEvent'), named('SetEvent'));
    assert.equal(pointOfImport('KERNEL32.dll', 'SetEvent'), named('SetEvent'));
    assert.equal(pointOfImport('api-ms-win-core-synch-l1-2-0.dll', 'WaitOnAddress'), named('WaitOnAddress'));
    assert.equal(pointOfImport('ntdll.dll', 'ZwSetEvent'), named('NtSetEvent'));
    assert.equal(pointOfImport('ntoskrnl.exe', 'ZwSetEvent'), named('ZwSetEvent'));
    assert.equal(pointOfImport('msvcrt.dll', 'SetEvent'), undefined);
    assert.equal(pointOfImport('kernel32.dll', 'ReadFile'), undefined);
  });

  it('knows records, roles and widths', () => {
    assert.equal(recordKind(named('KeSetEvent')), TraceKind.Set);
    assert.equal(recordKind(named('SignalObjectAndWait')), TraceKind.WaitBegin);
    assert.equal(recordKind(named('WaitOnAddress')), undefined);
    assert.equal(recordKind(named('SleepEx')), undefined);
    assert.deepEqual(rolesOf(named('SignalObjectAndWait')), ['signal', 'wait']);
    assert.deepEqual(rolesOf(named('KeCancelTimer')), ['reset']);
    assert.equal(parameterBits(named('WaitForSingleObjectEx'), 'alertable'), 32);
    assert.equal(parameterBits(named('NtWaitForSingleObject'), 'alertable'), 8);
    assert.equal(parameterBits(named('KeSetEvent'), 'object'), 64);
  });

  it('reads the results of waits', () => {
    assert.deepEqual(waitOutcome(0), { kind: 'satisfied', index: 0 });
    assert.deepEqual(waitOutcome(63), { kind: 'satisfied', index: 63 });
    assert.deepEqual(waitOutcome(0x82), { kind: 'abandoned', index: 2 });
    assert.deepEqual(waitOutcome(0xc0), { kind: 'alerted' });
    assert.deepEqual(waitOutcome(0x101), { kind: 'alerted' });
    assert.deepEqual(waitOutcome(0x102), { kind: 'timedOut' });
    assert.deepEqual(waitOutcome(-1), { kind: 'failed' });
    assert.deepEqual(waitOutcome(0xc0000008), { kind: 'failed' });
  });
});
