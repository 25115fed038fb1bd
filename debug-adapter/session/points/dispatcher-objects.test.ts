/** Identity of dispatcher objects, against an engine that says what a test wants of handles. */
import assert from 'node:assert/strict';
import type { BreakpointRequest, Engine, HandleObject, SpaceId } from '../../engine.js';
import { Inventory } from '../inventory.js';
import type { ModuleSymbols } from '../../symbols/symbol-provider.js';
import { DispatcherObjects } from './dispatcher-objects.js';

const APP = 'process-1';
const HOST = 'process-2';

class MockEngine {
  readonly kind = 'win32';
  readonly capabilities = {};
  /** What each handle stands for now, by space and value. */
  readonly handles = new Map<string, HandleObject>();
  readonly breakpoints: BreakpointRequest[] = [];
  readonly removed: number[] = [];

  processes = (): unknown[] => [
    { space: APP, processId: 10, name: 'eventapp.exe', side: 'user' },
    { space: HOST, processId: 20, name: 'winedevice.exe', side: 'kernel' },
  ];
  threads = (): unknown[] => [];
  queryHandles = (asked: readonly { space: SpaceId; handle: bigint }[]): Promise<(HandleObject | undefined)[]> =>
    Promise.resolve(asked.map(({ space, handle }) => this.handles.get(`${space}/${handle}`)));
  setBreakpoints = (requests: readonly BreakpointRequest[]): Promise<number[]> =>
    Promise.resolve(requests.map((request) => this.breakpoints.push(request)));
  removeBreakpoints = (ids: readonly number[]): Promise<void> => {
    this.removed.push(...ids);
    return Promise.resolve();
  };

  put(space: SpaceId, handle: bigint, object: number, name?: string): void {
    this.handles.set(`${space}/${handle}`, { object, typeName: 'Event', name, state: 'signaled', isSignaled: true });
  }
}

describe('identity of dispatcher objects', () => {
  const setUp = (): { mock: MockEngine; engine: Engine; objects: DispatcherObjects } => {
    const mock = new MockEngine();
    const engine = mock as unknown as Engine;
    const inventory = new Inventory();
    const symbols = { functions: () => Promise.resolve([{ name: 'f', rva: 16, size: 0, bodyRva: 16 }]) };
    for (const [space, name] of [
      [APP, 'ntdll.dll'],
      [HOST, 'ntoskrnl.exe'],
    ] as const) {
      inventory.addModule(engine, { space, base: 0x1000n, size: 4096, name }, symbols as unknown as ModuleSymbols);
    }
    return { mock, engine, objects: new DispatcherObjects(inventory) };
  };
  const seen = (engine: Engine, space: SpaceId, handle: bigint, pointer?: bigint) => ({
    ...{ engine, space, handle, keepsHandle: pointer === undefined },
    ...(pointer === undefined ? {} : { pointer }),
  });

  it('joins a handle of the application and a pointer of the driver when the target says that they are one', async () => {
    const { mock, engine, objects } = setUp();
    mock.put(APP, 0x44n, 0, '\\A');
    const [first] = await objects.identify(engine, [seen(engine, APP, 0x44n)]);
    mock.put(HOST, 0x80n, 0, '\\A');
    const [same] = await objects.identify(engine, [seen(engine, HOST, 0x80n, 0xffff0n)]);
    assert.equal(same, first);
    assert.deepEqual(first?.references.map(({ kind, value }) => [kind, value]), [['handle', 0x44n], ['pointer', 0xffff0n]]); // prettier-ignore
  });

  it('never joins two objects by a handle that was closed and is used again', async () => {
    const { mock, engine, objects } = setUp();
    mock.put(APP, 0x44n, 0);
    const [first] = await objects.identify(engine, [seen(engine, APP, 0x44n)]);
    const watch = mock.breakpoints.findIndex(({ filter }) => filter?.text === 'handle == 0x44') + 1;
    assert.ok(watch > 0 && mock.breakpoints[watch - 1]?.ignoreCount === 0xffff_ffff);
    objects.counted(engine, new Set([watch]));
    assert.ok(mock.removed.includes(watch));
    // Nothing that the target tells of it is different.
    const [second] = await objects.identify(engine, [seen(engine, APP, 0x44n)]);
    assert.notEqual(second?.id, first?.id);
    assert.deepEqual(first?.references, []);
  });

  it('never joins two objects by a pointer that is used again', async () => {
    const { mock, engine, objects } = setUp();
    mock.put(HOST, 0x80n, 0);
    const [first] = await objects.identify(engine, [seen(engine, HOST, 0x80n, 0xffff0n)]);
    const [again] = await objects.identify(engine, [seen(engine, HOST, 0x80n, 0xffff0n)]);
    assert.equal(again, first);
    objects.counted(engine, new Set(mock.breakpoints.map((_, index) => index + 1)));
    const [second] = await objects.identify(engine, [seen(engine, HOST, 0x80n, 0xffff0n)]);
    assert.notEqual(second?.id, first?.id);
  });

  it('takes a handle whose name has changed for another object, without having seen it closed', async () => {
    const { mock, engine, objects } = setUp();
    mock.put(APP, 0x44n, 0, '\\A');
    const [first] = await objects.identify(engine, [seen(engine, APP, 0x44n)]);
    mock.put(APP, 0x44n, 0, '\\B');
    const [second] = await objects.identify(engine, [seen(engine, APP, 0x44n)]);
    assert.notEqual(second?.id, first?.id);
    assert.deepEqual([first?.name, second?.name], ['\\A', '\\B']);
  });

  it('forgets what was known by a process that has ended', async () => {
    const { mock, engine, objects } = setUp();
    mock.put(APP, 0x44n, 0);
    const [first] = await objects.identify(engine, [seen(engine, APP, 0x44n)]);
    objects.spaceGone(engine, APP);
    assert.deepEqual(first?.references, []);
    assert.match(objects.toDap(first).state, /when it was seen last$/);
  });
});
