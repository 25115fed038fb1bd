import assert from 'node:assert/strict';
import { EventsysMethod, EventsysSource, EventsysType, type EventsysState } from '../../protocol/eventsys-ioctl.js';
import type { ServiceStatus } from '../../protocol/agent-rpc.js';
import { type DriverAccount, driverFacts } from './driver-facts.js';
import { type Fact, inEnglish } from './facts.js';
import { ListNode, ObjectNode, contextOf, isOpen } from './object-nodes.js';
import { objectIcon } from './object-icons.js';
import { targetFacts, type TargetAccount } from './target-facts.js';

const SERVICE: ServiceStatus = {
  name: 'eventsys',
  state: 'running',
  win32ExitCode: 0,
  specificExitCode: 0,
  processId: 88,
  binaryPath: 'C:\\eventscope\\bin\\eventsys.sys',
  startType: 3,
  loadOrderGroup: '',
};

const ACCOUNT: DriverAccount = {
  name: 'eventsys',
  serviceName: 'eventsys',
  device: '\\\\.\\EventSys',
  onWine: true,
  service: SERVICE,
  image: { process: 88, base: 0x1_8000_0000n, size: 0 },
  state: undefined,
  stateFailure: 'no such device',
  linkTarget: '\\Device\\EventSys',
  lines: [],
};

const all = (facts: readonly Fact[]): Fact[] => facts.flatMap((fact) => [fact, ...all(fact.children ?? [])]);
const valueOf = (facts: readonly Fact[], id: string) => all(facts).find((fact) => fact.id === id)?.value;

describe('the Driver view', () => {
  it('has nothing to say of a driver that is not there', () => {
    assert.deepEqual(driverFacts({ ...ACCOUNT, service: undefined }, inEnglish), []);
  });

  it('says why a stopped driver ended, and nothing of what only a running one has', () => {
    const stopped = { ...SERVICE, state: 'stopped' as const, win32ExitCode: 1275 };
    const facts = driverFacts({ ...ACCOUNT, service: stopped }, inEnglish);
    assert.deepEqual(
      facts.map(({ id }) => id),
      ['service'],
    );
    assert.match(valueOf(facts, 'service-exit') ?? '', /ERROR_DRIVER_BLOCKED/);
  });

  it('tells what a target cannot tell, with why', () => {
    const facts = driverFacts(
      { ...ACCOUNT, image: { process: 0, base: { unavailable: 'not elevated' }, size: 0 } },
      inEnglish,
    );
    for (const id of ['image', 'dispatch', 'state']) {
      const fact = facts.find((candidate) => candidate.id === id);
      assert.equal(fact?.value, 'not available on this target');
      assert.match(fact.tooltip ?? '', /not available on this target: ./);
    }
  });

  it('warns of a link that is not there', () => {
    assert.equal(
      valueOf(driverFacts({ ...ACCOUNT, linkTarget: undefined }, inEnglish), 'link'),
      '\\??\\EventSys is not there',
    );
  });

  it('shows a shared event with its method and counters; one without a name has no object behind it', () => {
    const event = {
      ...{ id: 4, method: EventsysMethod.HandleFromApp, type: EventsysType.Notification, ownerProcess: 120 },
      ...{ object: 0n, kernelHandle: 0n, appHandle: 0n, signals: 7n, coalesced: 2n, resets: 1n, references: 1 },
      ...{ existed: undefined, name: '' },
      bySource: {
        [EventsysSource.Hand]: 0n,
        [EventsysSource.TimerDpc]: 7n,
        [EventsysSource.Worker]: 0n,
        [EventsysSource.Completion]: 0n,
        [EventsysSource.Buffer]: 0n,
      },
    };
    const none = { events: 0, schedules: 0, requests: 0, buffers: 0 };
    const state = {
      ...{ bytesNeeded: 0, truncated: false, counts: none, schedules: [], requests: [], buffers: [] },
      events: [event, { ...event, id: 5, name: '\\BaseNamedObjects\\Shared' }],
      totals: { signals: 14n, coalesced: 4n, requestsPended: 0n, requestsNotified: 0n, requestsCancelled: 0n },
      trace: { enabled: false, written: 0n, lost: 0n },
    };
    // The totals that the view does not read are left out.
    const facts = driverFacts(
      {
        ...ACCOUNT,
        state: { ...state, totals: withRefused(state.totals) } as unknown as EventsysState,
      },
      inEnglish,
    );
    assert.equal(valueOf(facts, 'events'), '2');
    assert.equal(valueOf(facts, 'event-4'), "application's handle · notification · 7 signals");
    assert.equal(valueOf(facts, 'event-4-signals'), '7, of which 2 found it signaled already');
    const found = (id: string) => all(facts).find((fact) => fact.id === id);
    assert.equal(found('event-4')?.object, undefined);
    assert.deepEqual(found('event-5')?.object, {
      name: 'Shared',
      typeName: 'Event',
      path: '\\BaseNamedObjects\\Shared',
    });
    assert.equal(found('event-4-object')?.value, 'not available on this target');
  });
});

const withRefused = (totals: object): object => ({ ...totals, ioctlsRefused: 0n });

describe('the Target view', () => {
  const account: TargetAccount = {
    settings: { name: 'wine', kind: 'wine', oneProcessor: true },
    health: undefined,
    agent: undefined,
    problem: undefined,
    holders: [],
    kernelLinks: [],
  };

  it('offers the start of a target without an agent, and tells who uses it', () => {
    const facts = targetFacts({ ...account, holders: [{ role: 'tracer', holder: 'process 5' }] }, inEnglish);
    assert.match(facts[0]?.context ?? '', /\bstartable\b/);
    assert.equal(valueOf(facts, 'held-tracer'), 'process 5');
    assert.match(facts.find(({ id }) => id === 'kd')?.tooltip ?? '', /not available on this target/);
  });

  it('names the debugging links of the launch configurations, or how one is configured', () => {
    const ssh = { name: 'lab', kind: 'ssh', host: 'lab', user: 'me' } as TargetAccount['settings'];
    const kdOf = (kernelLinks: TargetAccount['kernelLinks']) =>
      targetFacts({ ...account, settings: ssh, kernelLinks }, inEnglish).find(({ id }) => id === 'kd');
    assert.equal(kdOf([])?.value, 'not configured');
    assert.match(kdOf([])?.tooltip ?? '', /launch\.json/);
    const link = kdOf([{ name: 'Kernel', connect: 'pipe:com1' }]);
    assert.equal(link?.value, 'pipe:com1');
    assert.match(link.tooltip ?? '', /launch configuration "Kernel"/);
    const held = kdOf([{ name: 'Kernel', connect: 'pipe:com1', state: 'stopped' }]);
    assert.deepEqual([held?.value, held?.icon], ['connected, stopped · pipe:com1', 'debug-pause']);
  });

  it('tells a fault in place of the health', () => {
    assert.equal(
      valueOf(targetFacts({ ...account, problem: 'The agent is gone' }, inEnglish), 'health'),
      'The agent is gone',
    );
  });
});

describe('nodes of Named Objects', () => {
  const entry = { name: 'E', typeName: 'Event', path: '\\B\\E' };

  it('are seen when all above them is open', () => {
    const list = new ListNode('global', '\\B', '\\B', 'globe', '', true);
    const node = new ObjectNode(list, 'x', { ...entry, typeName: 'Directory' }, false);
    assert.equal(isOpen(node), false);
    node.expanded = true;
    assert.equal(isOpen(node), true);
    list.expanded = false;
    assert.equal(isOpen(node), false);
  });

  it('a link opens once it is known to lead to a directory, an event never does', () => {
    const link = new ObjectNode(undefined, 'x', { ...entry, typeName: 'SymbolicLink' }, false);
    const before = link.directory;
    link.leadsTo = '\\Other';
    assert.deepEqual([before, link.directory?.path], [undefined, '\\Other']);
    assert.equal(new ObjectNode(undefined, 'y', entry, false).directory, undefined);
  });

  it('tell the menus what they are', () => {
    assert.equal(contextOf(entry, { favorite: true, shared: true }), 'object event favorite shared');
    assert.equal(contextOf({ ...entry, typeName: 'ALPC Port' }, { favorite: false, shared: false }), 'object alpcport');
  });

  it('have another icon when signaled, and a warning when they cannot be opened', () => {
    const none = { unavailable: '' };
    const of = (signaled: boolean) =>
      objectIcon('Event', {
        ...{ path: '\\B\\E', typeName: 'Event', handleCount: 1, pointerCount: 1, sddl: none },
        state: { type: 'Event', kind: 'notification', signaled },
      }).icon;
    assert.notEqual(of(true), of(false));
    assert.equal(objectIcon('Event', { path: '\\B\\E', status: 5 }).color, 'list.warningForeground');
    assert.equal(objectIcon('NeverHeardOf', undefined).icon, 'symbol-misc');
  });
});
