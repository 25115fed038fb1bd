/** The object namespace through the agent: what the probe program made is what the agent tells. */
import assert from 'node:assert/strict';
import { decodePacked } from '../../protocol/agent-codec.js';
import type { ObjectInfo } from '../../protocol/agent-rpc.js';
import { BulkKind } from '../../protocol/agent-wire.js';
import { CancelledError, EventscopeError } from '../../protocol/errors.js';
import type { AgentClient } from '../../target/agent-client.js';
import { startAgent, startProbe, type StartedProcess } from './agent/agent-machine.js';

const DIRECTORY = '\\BaseNamedObjects\\AgentTest';
const STATUS_OBJECT_NAME_NOT_FOUND = 0xc0000034;
const STATUS_OBJECT_TYPE_MISMATCH = 0xc0000024;

let client: AgentClient;
let probe: StartedProcess;

async function list(path: string): Promise<{ entries: [string, string][]; parts: number[]; session: string }> {
  const entries: [string, string][] = [];
  const parts: number[] = [];
  const opened = client.openStream((head, data) => {
    assert.equal(head.kind, BulkKind.DirectoryEntries);
    const part = decodePacked(data) as [string, string][];
    assert.equal(BigInt(part.length), head.count);
    assert.equal(head.sequence, BigInt(parts.length));
    parts.push(part.length);
    entries.push(...part);
  });
  const { count, sessionDirectory } = await client.request('object/list', { path, stream: opened.stream });
  opened.close();
  assert.equal(entries.length, count);
  assert.equal(parts.at(-1), 0, 'an empty part ends the list');
  return { entries, parts, session: sessionDirectory };
}

async function query(name: string, typeName: string): Promise<ObjectInfo> {
  const { objects } = await client.request('object/query', { items: [{ path: `${DIRECTORY}\\${name}`, typeName }] });
  const [object] = objects;
  assert.ok(object !== undefined && 'typeName' in object, name);
  return object;
}

const ntstatus = (call: string, code: number) => (error: unknown) => {
  assert.ok(error instanceof EventscopeError);
  assert.deepEqual([error.data['call'], error.data['code'], error.data['space']], [call, code, 'ntstatus']);
  return true;
};

describe('the agent: objects', function () {
  this.timeout(120_000);

  before(async () => {
    client = await (await startAgent()).connect();
    probe = await startProbe(client, ['objects', DIRECTORY]);
    await probe.says(/ready/);
  });
  after(() => client.close());

  it('lists a directory, and one in it', async () => {
    const { entries, session } = await list(DIRECTORY);
    assert.deepEqual(entries.map(([name, type]) => `${name}: ${type}`).sort(), [
      'Free: Mutant',
      'Held: Mutant',
      'Link: SymbolicLink',
      'Nested: Directory',
      'Notification: Event',
      'Semaphore: Semaphore',
      'Synchronization: Event',
      'Timer: Timer',
      'Twice: Event',
    ]);
    assert.match(session, /^\\Sessions\\\d+\\BaseNamedObjects$/);
    assert.deepEqual((await list(`${DIRECTORY}\\Nested`)).entries, [['Inner ä中', 'Event']]);
  });

  it('lists the root with \\?? in it once', async () => {
    const names = (await list('\\')).entries.map(([name]) => name);
    assert.equal(names.filter((name) => name === '??').length, 1);
    assert.ok(names.includes('BaseNamedObjects') && names.includes('Device'));
  });

  it('says that a directory is not there', async () => {
    const { stream } = client.openStream(() => undefined);
    const nothing = client.request('object/list', { path: '\\NoSuchDirectory', stream });
    await assert.rejects(nothing, ntstatus('NtOpenDirectoryObject', STATUS_OBJECT_NAME_NOT_FOUND));
  });

  it('tells the state of events, and does not change it by asking', async () => {
    for (const name of ['Notification', 'Notification']) {
      assert.deepEqual((await query(name, 'Event')).state, { type: 'Event', kind: 'notification', signaled: true });
    }
    const path = `${DIRECTORY}\\Synchronization`;
    const state = async () => (await query('Synchronization', 'Event')).state;
    assert.deepEqual(await state(), { type: 'Event', kind: 'synchronization', signaled: false });
    assert.deepEqual(await client.request('object/change', { path, action: 'set' }), { previous: 0 });
    assert.deepEqual(await client.request('object/change', { path, action: 'set' }), { previous: 1 });
    for (let asked = 0; asked < 3; asked++) {
      assert.deepEqual(await state(), { type: 'Event', kind: 'synchronization', signaled: true });
    }
    assert.deepEqual(await client.request('object/change', { path, action: 'reset' }), { previous: 1 });
    assert.deepEqual(await state(), { type: 'Event', kind: 'synchronization', signaled: false });
    await client.request('object/change', { path, action: 'pulse' });
    assert.deepEqual(await state(), { type: 'Event', kind: 'synchronization', signaled: false });
    const missing = client.request('object/change', { path: `${DIRECTORY}\\None`, action: 'set' });
    await assert.rejects(missing, ntstatus('NtOpenEvent', STATUS_OBJECT_NAME_NOT_FOUND));
  });

  it('tells the state of semaphores, mutants and timers', async () => {
    assert.deepEqual((await query('Semaphore', 'Semaphore')).state, { type: 'Semaphore', count: 2, maximum: 5 });
    const free = (await query('Free', 'Mutant')).state;
    assert.ok(free !== undefined && 'type' in free && free.type === 'Mutant');
    assert.deepEqual([free.count, free.abandoned], [1, false]);
    const held = (await query('Held', 'Mutant')).state;
    assert.ok(held !== undefined && 'type' in held && held.type === 'Mutant');
    assert.equal(held.count, 0);
    // Wine does not tell the owner, Windows does: either way it is not made up.
    if ('unavailable' in held.owner) assert.match(held.owner.unavailable, /owner of a mutant/);
    else assert.equal(held.owner.process, probe.process);
    const timer = (await query('Timer', 'Timer')).state;
    assert.ok(timer !== undefined && 'type' in timer && timer.type === 'Timer');
    assert.equal(timer.signaled, false);
    assert.ok(timer.remaining > 0n && timer.remaining <= 1_000_000_000n, String(timer.remaining));
  });

  it("counts handles without the agent's own", async () => {
    assert.equal((await query('Notification', 'Event')).handleCount, 1);
    assert.equal((await query('Twice', 'Event')).handleCount, 2);
  });

  it('follows links, and tells security or why it cannot', async () => {
    assert.equal((await query('Link', 'SymbolicLink')).linkTarget, '\\BaseNamedObjects');
    const { sddl } = await query('Notification', 'Event');
    if (typeof sddl === 'string') assert.match(sddl, /^O:.*D:/);
    else assert.match(sddl.unavailable, /no security descriptor/);
  });

  it('gives each of many its own answer, in order', async () => {
    const items = [
      { path: `${DIRECTORY}\\Notification`, typeName: 'Event' },
      { path: `${DIRECTORY}\\None`, typeName: 'Event' },
      { path: `${DIRECTORY}\\Semaphore`, typeName: 'Event' },
      { path: '\\Device\\Null', typeName: 'Device' },
      { path: DIRECTORY, typeName: 'Directory' },
    ];
    const { objects } = await client.request('object/query', { items });
    assert.deepEqual(
      objects.map(({ path }) => path),
      items.map(({ path }) => path),
    );
    assert.deepEqual(
      objects.map((object) => ('status' in object ? object.status : 0)),
      [0, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_OBJECT_TYPE_MISMATCH, 0, 0],
    );
    const device = objects[3];
    assert.ok(device !== undefined && 'sddl' in device && typeof device.sddl === 'object');
    assert.match(device.sddl.unavailable, /without side effects/);
  });

  it('names who holds an object, with each handle and its rights', async () => {
    const { holders } = await client.request('object/holders', { path: `${DIRECTORY}\\Twice`, typeName: 'Event' });
    assert.deepEqual(
      holders.map(({ process, processName }) => [process, processName]),
      [
        [probe.process, 'agent_probe.exe'],
        [probe.process, 'agent_probe.exe'],
      ],
    );
    assert.deepEqual(holders.map(({ grantedAccess }) => grantedAccess).sort(), [0x1f0003, 2].sort());
    assert.notEqual(holders[0]?.handle, holders[1]?.handle);
    const one = await client.request('object/holders', { path: `${DIRECTORY}\\Notification`, typeName: 'Event' });
    assert.equal(one.holders.length, 1);
  });

  it('lists 10,000 objects, the first hundred ahead, and serves others meanwhile', async () => {
    const path = '\\BaseNamedObjects\\AgentTestMany';
    const many = await startProbe(client, ['many', path, '10000']);
    await many.says(/ready/);
    const order: string[] = [];
    const listing = list(path).then((result) => {
      order.push('list');
      return result;
    });
    const info = client.request('agent/info', {}).then(() => order.push('info'));
    const { entries, parts } = await listing;
    await info;
    assert.deepEqual(order, ['info', 'list']);
    assert.equal(new Set(entries.map(([name]) => name)).size, 10_000);
    assert.ok((parts[0] ?? 0) <= 100);
    await client.request('process/end', { process: many.process, exitCode: 0 });
  });

  it('a list of 20,000 objects that is cancelled ends between two slices, and leaves the agent to others', async () => {
    const path = '\\BaseNamedObjects\\AgentTestTooMany';
    const many = await startProbe(client, ['many', path, '20000']);
    await many.says(/ready/);
    const stop = new AbortController();
    let seen = 0;
    const opened = client.openStream((head) => {
      seen += Number(head.count);
      stop.abort();
    });
    const listing = client.request('object/list', { path, stream: opened.stream }, { signal: stop.signal });
    await assert.rejects(listing, CancelledError);
    opened.close();
    assert.ok(seen > 0 && seen < 20_000, `${seen} came`);
    assert.ok((await list(DIRECTORY)).entries.length > 0);
    await client.request('process/end', { process: many.process, exitCode: 0 });
  });

  it('tells who holds a lock without taking it', async () => {
    const lock = { role: 'tracer', subject: 'AgentTestLock' } as const;
    const other = await (await startAgent()).connect();
    try {
      assert.deepEqual(await client.request('lock/query', lock), {});
      await other.request('lock/acquire', { ...lock, holder: 'another client' });
      assert.deepEqual(await client.request('lock/query', lock), { holder: 'another client' });
      assert.deepEqual(await other.request('lock/query', lock), { holder: 'this agent' });
      await other.request('lock/release', lock);
      assert.deepEqual(await client.request('lock/query', lock), {});
      assert.deepEqual(await client.request('lock/acquire', { ...lock, holder: 'we' }), { acquired: true });
    } finally {
      await other.close();
    }
  });
});
