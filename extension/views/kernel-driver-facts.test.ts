import assert from 'node:assert/strict';
import { driverFacts } from './driver-facts.js';
import { inEnglish } from './facts.js';
import { kernelDriverFacts } from './kernel-driver-facts.js';

const code = (address: string, symbol?: string) => ({ address, ...(symbol === undefined ? {} : { symbol }) });
const DRIVER = {
  address: '0xffffa00000001000',
  name: '\\Driver\\eventsys',
  imageBase: '0xfffff80320000000',
  imageBytes: 20480,
  entry: code('0xfffff80320001000', 'eventsys!DriverEntry'),
  majorFunctions: Array.from({ length: 28 }, (_unused, index) =>
    index === 14 ? code('0xfffff80320001200', 'eventsys!EsControl') : code('0xfffff80310004000'),
  ),
  devices: [{ address: '0xffffa00000002000', name: '\\Device\\EventSys', deviceType: 0x22, flags: 0x40 }],
};

describe('the Driver view of a stopped kernel', () => {
  it('shows image, routines, devices and the dispatch table by IRP_MJ code', () => {
    const facts = kernelDriverFacts('eventsys', DRIVER, inEnglish);
    const of = (id: string) => facts.find((fact) => fact.id === id);
    assert.equal(of('image')?.value, 'at 0xfffff80320000000 in the kernel, 20480 bytes');
    assert.equal(of('entry')?.value, 'eventsys!DriverEntry');
    assert.equal(of('unload')?.value, 'none: it cannot be unloaded');
    assert.equal(of('devices')?.children?.[0]?.object?.path, '\\Device\\EventSys');
    const dispatch = of('dispatch');
    assert.equal(dispatch?.value, '28 to 2 functions');
    assert.equal(dispatch.children?.length, 28);
    assert.deepEqual(
      dispatch.children
        .filter(({ label }) => /^IRP_MJ_(DEVICE_CONTROL|PNP)$/.test(label))
        .map(({ label, value }) => [label, value]),
      [
        ['IRP_MJ_DEVICE_CONTROL', 'eventsys!EsControl'],
        ['IRP_MJ_PNP', '0xfffff80310004000'],
      ],
    );
  });

  it('says so when the driver is not loaded, and nothing that is only known of a running one', () => {
    const account = {
      ...{ name: 'eventsys', serviceName: 'eventsys', device: undefined, onWine: false, lines: [] },
      ...{ service: undefined, image: undefined, state: undefined, stateFailure: undefined, linkTarget: undefined },
      stoppedKernel: { driver: undefined },
    };
    assert.deepEqual(
      driverFacts(account, inEnglish).map(({ value }) => value),
      ['not loaded in the stopped kernel'],
    );
  });
});
