/** A launch that stops in DriverEntry: the driver is loaded under the debugger, and nobody is in a hurry. */
import assert from 'node:assert/strict';
import { build } from '../../target/build.js';
import { deploy, undeploy } from '../../target/deploy.js';
import { removeStaleLinks } from '../../target/stale-links.js';
import { EventscopeError } from '../../protocol/errors.js';
import { DapTestClient } from './dap-client.js';
import { connectAgent, debugMachine, operation } from './debug-machine.js';

/** Over the 10 s after which the service control manager gives up. */
const IN_ENTRY_MS = 15_000;
const ANCHOR = 'eventscope-anchor-eventsys';

const wait = (ms: number): Promise<void> => new Promise((next) => setTimeout(next, ms));

describe('the debug adapter stops in DriverEntry', function () {
  this.timeout(120_000);
  let dap: DapTestClient;

  const configuration = (folder: string): object => ({
    project: folder,
    stopAtDriverEntry: true,
    application: { arguments: ['signals', '--count', '2', '--from', 'dpc', '--period', '50'] },
  });

  beforeEach(async () => {
    dap = await DapTestClient.start();
  });
  afterEach(() => dap.close());

  it('stays there past the control manager, refuses a deploy meanwhile, and the start still succeeds', async () => {
    const { folder, target, project } = await debugMachine();
    await dap.launch(configuration(folder));
    const stop = await dap.stop();
    assert.equal(stop.reason, 'entry');
    assert.equal(stop.description, 'Stopped at DriverEntry of eventsys.sys');
    const top = await dap.top(stop.threadId);
    assert.equal(top.name, 'eventsys!DriverEntry');
    assert.match(top.source?.path ?? '', /\.c$/);
    assert.match((await dap.scope(top.id, 'Arguments')).get('RegistryPath')?.value ?? '', /eventsys/i);
    await wait(IN_ENTRY_MS);
    const other = await connectAgent();
    const { status } = await other.request('service/query', { name: 'eventsys' });
    assert.notEqual(status?.state, 'running');
    const built = await build(project, operation);
    await assert.rejects(deploy(target, other, project, built, operation), (error) => {
      return (
        error instanceof EventscopeError && error.id === 'target.held' && /debugging eventsys/.test(error.why ?? '')
      );
    });
    await dap.request('next', { threadId: stop.threadId });
    assert.equal((await dap.stop()).reason, 'step');
    await dap.continue(stop.threadId);
    await dap.until('the end', () => dap.eventsOf('terminated').length > 0);
    assert.deepEqual(dap.eventsOf('exited')[0]?.body, { exitCode: 0 });
    assert.equal((await other.request('service/query', { name: 'eventsys' })).status?.state, 'running');
    // The host of a driver that was started so is kept by a second service, which goes with the driver.
    await undeploy(target, other, project, operation);
    assert.equal((await other.request('service/query', { name: ANCHOR })).status, undefined);
    assert.deepEqual(await removeStaleLinks(other, operation), [], 'the driver has unloaded');
    await deploy(target, other, project, built, operation);
    await other.close();
  });

  it('lets the driver start when the client leaves while it is stopped there', async () => {
    const { folder } = await debugMachine();
    await dap.launch(configuration(folder));
    await dap.stop();
    await dap.request('disconnect', {});
    const other = await connectAgent();
    const { status } = await other.request('service/query', { name: 'eventsys' });
    assert.equal(status?.state, 'running');
    await other.close();
  });
});
