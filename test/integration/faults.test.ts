/** What goes wrong in practice, on both targets: a clear error each time, and nothing lost or left behind. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { EventsysFault } from '../../protocol/eventsys-ioctl.js';
import { EventscopeError } from '../../protocol/errors.js';
import type { AgentClient } from '../../target/agent-client.js';
import { deploy, deployedPaths, undeploy, type DeployResult } from '../../target/deploy.js';
import { recordDriverTrace } from '../../target/record.js';
import { run } from '../../target/run.js';
import { buildModel } from '../../trace/model/model.js';
import { Outcome } from '../../trace/model/waits.js';
import { describeFlow } from '../../trace/flow.js';
import type { Recording } from '../../trace/recording.js';
import { traceRun } from '../../target/traced-run.js';
import { clearParameters, driverState, requestFault, setParameter } from './driver-requests.js';
import { failure, MACHINE_NAMES, sshMachine, TestOperation } from './fixture.js';
import { readApplicationLog } from './oracle.js';
import { buildFaultySample, buildSample, deploySample, runSample, type Sample } from './sample-run.js';

for (const machine of MACHINE_NAMES) {
  describe(`faults on ${machine}`, function () {
    this.timeout(120_000);
    let sample: Sample;

    before('the sample is deployed', async function () {
      this.timeout(300_000);
      sample = await deploySample(machine);
    });
    after(async () => {
      await (sample as Sample | undefined)?.client.close();
    });

    async function withClient<T>(work: (client: AgentClient) => Promise<T>): Promise<T> {
      const client = await sample.target.connect(new TestOperation());
      try {
        return await work(client);
      } finally {
        await client.close();
      }
    }

    async function deployFaulty(): Promise<DeployResult> {
      return deploy(sample.target, sample.client, sample.project, await buildFaultySample(), new TestOperation());
    }

    async function redeploy(): Promise<void> {
      await deploy(sample.target, sample.client, sample.project, await buildSample(), new TestOperation());
    }

    async function processNames(client: AgentClient): Promise<string[]> {
      const { processes } = await client.request('process/list', {});
      return processes.map(({ name }) => name.toLowerCase());
    }

    it('bad requests, a thousand from a seed: refused, and the driver alive and as before', async () => {
      const before = await driverState(sample.client);
      const { result } = await runSample(sample, ['bad-ioctls', '--seed', '20261122', '--count', '1000']);
      assert.equal(result.exitCode, 0);
      const after = await driverState(sample.client, (state) => state.totals.files === before.totals.files);
      assert.ok(after.totals.ioctlsRefused > before.totals.ioctlsRefused + 100n);
      assert.equal(after.totals.events, before.totals.events);
      assert.equal(after.totals.requests, before.totals.requests);
      assert.equal(after.totals.objectReferences, before.totals.objectReferences);
      assert.equal(after.totals.allocations, before.totals.allocations);
      await runSample(sample, ['app-handle', '--count', '1']);
    });

    it('an application killed in the middle of a wait: the trace shows it waiting to the end, the driver lets go', async () => {
      const before = await driverState(sample.client);
      let killed: Promise<void> | undefined;
      // A period that outlasts the test: it waits for the first signal.
      const args = ['app-handle', '--count', '1', '--period', '10000', '--timeout', '60000'];
      const { result, recording } = await traceRun(
        sample,
        {
          arguments: args,
          onLine: (stream, line) => {
            if (stream !== 1 || !line.includes('"wait-begin"') || killed !== undefined) return;
            killed = delay(300).then(() => killApplication());
          },
        },
        {},
        new TestOperation(),
      );
      await killed;
      assert.equal(result.exitCode, 77);
      const log = readApplicationLog(result.standardOutput);
      assert.equal(log.at(-1)?.what, 'wait-begin', 'its log ends in the wait');
      const model = buildModel(recording);
      const open = [...model.waits.outcome.keys()].filter((wait) => model.waits.outcome[wait] === Outcome.Open);
      assert.equal(open.length, 1);
      const [wait = -1] = open;
      assert.equal(model.waits.end[wait], Infinity, 'nobody ended it');
      assert.equal(model.threads[model.waits.thread[wait] ?? -1]?.process, result.process);
      const awaited = model.objects[model.waitObjects[model.waits.first[wait] ?? -1] ?? -1];
      assert.equal(awaited?.type, 'event');
      assert.match(describeFlow(model), /eventapp.* still waits for .* since/);
      const after = await driverState(sample.client, (state) => state.totals.files === before.totals.files);
      assert.equal(after.totals.events, before.totals.events);
      assert.equal(after.totals.schedules, before.totals.schedules);
      assert.equal(after.totals.objectReferences, before.totals.objectReferences);
    });

    it('a run whose time is over: what was recorded until then is kept, and shows what it waits for', async () => {
      const before = await driverState(sample.client);
      let kept: Recording | undefined;
      const args = ['app-handle', '--count', '1', '--period', '10000', '--timeout', '60000'];
      const onCutShort = (recording: Recording): Promise<void> => {
        kept = recording;
        return Promise.resolve();
      };
      const request = { arguments: args, timeoutMs: 3_000, onCutShort };
      const error = await failure(traceRun(sample, request, {}, new TestOperation()));
      assert.equal(error.id, 'run.timeout');
      assert.ok(kept !== undefined);
      assert.ok(kept.sources.every(({ end }) => end?.error?.includes('did not end') === true));
      assert.match(describeFlow(buildModel(kept)), /eventapp.* still waits for .* since/);
      const after = await driverState(sample.client, (state) => state.totals.files === before.totals.files);
      assert.equal(after.totals.events, before.totals.events);
    });

    it('an agent that goes away while the driver is recorded: what was recorded until then is kept, and tells so', async () => {
      const client = await sample.target.connect(new TestOperation());
      let kept: Recording | undefined;
      const until = new AbortController();
      const request = {
        ...{ versions: {}, until: until.signal },
        onGrow: () => void client.close(),
        onCutShort: (recording: Recording): Promise<void> => {
          kept = recording;
          return Promise.resolve();
        },
      };
      const operation = new TestOperation();
      await assert.rejects(recordDriverTrace({ ...sample, client }, request, operation), /agent/);
      assert.equal(kept?.sources.length, 1);
      assert.match(kept.sources[0]?.end?.error ?? '', /agent/);
      await runSample(sample, ['app-handle', '--count', '1']);
    });

    async function killApplication(): Promise<void> {
      await withClient(async (client) => {
        const { processes } = await client.request('process/list', {});
        const [application] = processes.filter(({ name }) => name.toLowerCase() === 'eventapp.exe');
        assert.ok(application !== undefined);
        await client.request('process/end', { process: application.process, exitCode: 77 });
      });
    }

    it('two runs at once: the second is told who holds the target, the first is not disturbed', async () => {
      const first = runSample(sample, ['app-handle', '--count', '3', '--period', '700']);
      first.catch(() => undefined);
      await withClient(async (client) => {
        for (let tries = 0; !(await processNames(client)).includes('eventapp.exe'); tries++) {
          assert.ok(tries < 100, 'the first run does not start');
          await delay(50);
        }
        const second = await failure(
          run(sample.target, client, sample.project, { arguments: ['state'] }, new TestOperation()),
        );
        assert.equal(second.id, 'target.held');
        assert.match(second.message, /eventapp app-handle|app-handle/);
      });
      await first;
    });

    it('a driver that is already loaded is replaced, and the same one left running', async () => {
      const again = await deploy(
        sample.target,
        sample.client,
        sample.project,
        await buildSample(),
        new TestOperation(),
      );
      assert.deepEqual(again.uploaded, []);
      assert.equal(again.replaced, false);
      const faulty = await deployFaulty();
      assert.equal(faulty.replaced, true);
      assert.ok(faulty.uploaded.includes(deployedPaths(sample.target, sample.project).driver));
    });

    it('a driver that fails in DriverEntry: its status by name, and the one before runs again', async () => {
      await redeploy();
      await setParameter(sample.client, 'FaultInEntry', 1);
      try {
        const error = await failure(deployFaulty());
        assert.equal(error.id, 'driver.start');
        assert.ok((error.why ?? '').length > 0);
      } finally {
        await clearParameters(sample.client);
      }
      await runSample(sample, ['app-handle', '--count', '1']);
    });

    it('a driver that faults in a request during a run: told as the bugcheck that it would be, and deployed again', async () => {
      await deployFaulty();
      const error = await failure(
        run(
          sample.target,
          sample.client,
          sample.project,
          {
            // It would wait longer than this test may take: the fault ends the run.
            arguments: ['app-handle', '--count', '1', '--period', '10000', '--timeout', '600000'],
            onStarted: () => {
              void withClient((client) => requestFault(client, EventsysFault.AccessViolation, 0)).catch(
                () => undefined,
              );
            },
          },
          new TestOperation(),
        ),
      );
      assert.deepEqual([error.id, error.target], ['run.driverFault', machine]);
      assert.equal(error.what, 'The driver eventsys faulted during the run');
      assert.match(
        error.why ?? '',
        /^page fault on \w+ access .* at address 0x[0-9A-F]{8,16}; on Windows this stops the machine/,
      );
      assert.match(error.why ?? '', /bugcheck 0x3B \(SYSTEM_SERVICE_EXCEPTION\) in a request/);
      assert.match(error.next ?? '', /correct the driver and deploy again/);
      assert.ok((error.data['bugchecks'] as { code: number }[]).some(({ code }) => code === 0x3b));
      await untilStopped();
      await untilEnded(sample.client);
      await redeploy();
      await runSample(sample, ['app-handle', '--count', '1']);
    });

    it('a driver that faults in a request outside a run: its service is stopped, and it is deployed again', async () => {
      await deployFaulty();
      const request = await requestFault(sample.client, EventsysFault.AccessViolation, 0).catch((e: unknown) => e);
      assert.ok(request instanceof EventscopeError || (request as { status: number }).status !== 0);
      await untilStopped();
      await redeploy();
      await runSample(sample, ['app-handle', '--count', '1']);
    });

    async function untilStopped(): Promise<void> {
      for (let tries = 0; ; tries++) {
        const { status } = await sample.client.request('service/query', { name: 'eventsys' });
        if (status?.state === 'stopped') return;
        assert.ok(tries < 100, `the service of a driver that faulted is ${status?.state ?? 'gone'}`);
        await delay(100);
      }
    }

    it('a driver that hangs in its unload routine: said so, and undeployed all the same', async () => {
      await deployFaulty();
      await requestFault(sample.client, EventsysFault.HangInUnload, 0xffff_ffff);
      const error = await failure(undeploy(sample.target, sample.client, sample.project, new TestOperation()));
      assert.equal(error.id, 'driver.unload');
      const { status } = await sample.client.request('service/query', { name: 'eventsys' });
      assert.equal(status, undefined);
      await redeploy();
    });

    it('an agent killed in the middle of a run: the run fails with a reason, and its application is ended', async () => {
      const client = await sample.target.connect(new TestOperation());
      const { processId } = await client.request('agent/info', {});
      const running = await longRun(client);
      await sample.client.request('process/end', { process: processId, exitCode: 9 });
      const error = await failure(running.ended);
      assert.equal(error.id, 'agent.lost');
      await untilEnded(sample.client);
    });

    /** A run whose application waits for longer than a test takes. In an object: it is not waited for. */
    async function longRun(client: AgentClient): Promise<{ readonly ended: Promise<unknown> }> {
      const args = ['app-handle', '--count', '1', '--period', '10000', '--timeout', '60000'];
      const ended = run(sample.target, client, sample.project, { arguments: args }, new TestOperation());
      ended.catch(() => undefined);
      await untilRunning(client);
      return { ended };
    }

    async function untilRunning(client: AgentClient): Promise<void> {
      for (let tries = 0; !(await processNames(client)).includes('eventapp.exe'); tries++) {
        assert.ok(tries < 100, 'the application does not start');
        await delay(50);
      }
    }

    async function untilEnded(client: AgentClient): Promise<void> {
      for (let tries = 0; (await processNames(client)).includes('eventapp.exe'); tries++) {
        assert.ok(tries < 200, 'the application is still there');
        await delay(50);
      }
    }

    it('undeploying leaves no service, no file and no process', async () => {
      await undeploy(sample.target, sample.client, sample.project, new TestOperation());
      const { status } = await sample.client.request('service/query', { name: 'eventsys' });
      assert.equal(status, undefined);
      for (const path of Object.values(deployedPaths(sample.target, sample.project)) as string[]) {
        const { entry } = await sample.client.request('file/stat', { path });
        assert.equal(entry, undefined, path);
      }
      assert.ok(!(await processNames(sample.client)).includes('eventapp.exe'));
      // And once more: there is nothing to say about nothing.
      await undeploy(sample.target, sample.client, sample.project, new TestOperation());
      await redeploy();
    });

    if (machine === 'ssh') {
      it('a link cut in the middle of a run: the run fails with the reason, and nothing runs on', async () => {
        const { link } = await sshMachine();
        const client = await sample.target.connect(new TestOperation());
        const running = await longRun(client);
        link.cut();
        link.mend();
        const error = await failure(running.ended);
        assert.equal(error.id, 'agent.lost');
        assert.match(error.message, /was lost/);
        // The suite's own client was on the same link.
        await sample.client.closed;
        sample = await deploySample(machine);
        await untilEnded(sample.client);
        await runSample(sample, ['app-handle', '--count', '1']);
      });

      it('a link cut in the middle of a deployment: the next one mends what it left', async () => {
        const { link } = await sshMachine();
        await undeploy(sample.target, sample.client, sample.project, new TestOperation());
        const cut = link.cutAfter(60_123);
        const deploying = deploy(
          sample.target,
          sample.client,
          sample.project,
          await buildSample(),
          new TestOperation(),
        );
        deploying.catch(() => undefined);
        await cut;
        link.mend();
        assert.match((await failure(deploying)).message, /was lost/);
        await sample.client.closed;
        sample = await deploySample(machine);
        await runSample(sample, ['app-handle', '--count', '1']);
      });
    }
  });
}
