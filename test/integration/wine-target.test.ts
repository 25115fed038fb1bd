/** The embedded target on the real Wine: its prefix, its agent, its debug output, and deploying drivers that misbehave. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CancelledError, EventscopeError } from '../../protocol/errors.js';
import type { AgentClient } from '../../target/agent-client.js';
import { build, type BuildResult } from '../../target/build.js';
import { deploy, deployedPaths, undeploy } from '../../target/deploy.js';
import { DriverService } from '../../target/driver-service.js';
import { loadProject, type Project } from '../../target/project.js';
import { run } from '../../target/run.js';
import type { Operation } from '../../target/target.js';
import { openTarget } from '../../target/targets.js';
import { findWineTools } from '../../target/wine/host-tools.js';
import { processesOf, serversOf } from '../../target/wine/processes.js';
import { WineTarget } from '../../target/wine/wine-target.js';

/** A driver whose behaviour is chosen when it is built. */
const DRIVER = `#include <wdm.h>
#ifndef UNLOAD
#define UNLOAD
#endif
#ifndef ENTRY
#define ENTRY
#endif
static VOID NTAPI FaultLater(PVOID context)
{
    LARGE_INTEGER delay;
    (void)context;
    delay.QuadPart = -1500 * 10000LL;
    KeDelayExecutionThread(KernelMode, FALSE, &delay);
    *(volatile int *)(ULONG_PTR)16 = 1;
}
static inline void StartFaultingThread(void)
{
    HANDLE thread;
    if (NT_SUCCESS(PsCreateSystemThread(&thread, THREAD_ALL_ACCESS, NULL, NULL, NULL, FaultLater, NULL))) {
        ZwClose(thread);
    }
}
/* A device with a Win32 name, as every driver has that programs talk to. */
static inline NTSTATUS MakeDevice(PDRIVER_OBJECT driver)
{
    UNICODE_STRING name, link;
    PDEVICE_OBJECT device;
    NTSTATUS status;
    RtlInitUnicodeString(&name, L"\\\\Device\\\\EventscopeProbe");
    RtlInitUnicodeString(&link, L"\\\\??\\\\EventscopeProbe");
    status = IoCreateDevice(driver, 0, &name, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    return NT_SUCCESS(status) ? IoCreateSymbolicLink(&link, &name) : status;
}
static DRIVER_UNLOAD Unload;
static void Unload(PDRIVER_OBJECT driver)
{
    (void)driver;
    DbgPrint("probe: unload\\n");
    UNLOAD;
}
NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    (void)path;
    driver->DriverUnload = Unload;
    DbgPrint("probe: entry " TEXT "\\n");
    (void)StartFaultingThread;
    (void)MakeDevice;
    ENTRY;
    return STATUS_SUCCESS;
}
`;
const APPLICATION = `#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        printf("[%s]\\n", argv[i]);
    }
    fprintf(stderr, "to standard error\\n");
    fflush(stdout);
    if (argc > 2 && strcmp(argv[1], "sleep") == 0) {
        Sleep((DWORD)atoi(argv[2]));
    }
    return argc > 1 && strcmp(argv[1], "exit") == 0 ? atoi(argv[2]) : 0;
}
`;
const SETTINGS = `{
  "eventscope.project": {
    "driver": { "sources": ["probe.c"], "name": "probe", "service": "probe", "defines": { "TEXT": "\\"one\\"" } },
    "application": { "sources": ["app.c"], "name": "probeapp" },
  },
}`;

describe('Wine target', function () {
  this.timeout(120_000);
  let folder: string;
  let project: Project;
  let target: WineTarget;
  let client: AgentClient;
  let plain: BuildResult;

  const operation = (signal = new AbortController().signal, onProgress?: (message: string) => void): Operation => ({
    signal,
    progress: (message) => onProgress?.(message),
  });
  const variant = (name: string, driverDefines: Record<string, string>): Promise<BuildResult> =>
    build(project, operation(), { variant: { name, driverDefines } });
  const service = (): DriverService => new DriverService(target, client, 'probe');
  const openHere = async (): Promise<WineTarget> => {
    const opened = await openTarget(project);
    assert.ok(opened instanceof WineTarget);
    return opened;
  };
  async function failure(work: Promise<unknown>): Promise<EventscopeError> {
    const error: unknown = await work.then(
      () => assert.fail('must fail'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof EventscopeError, String(error));
    return error;
  }
  const isThere = (file: string): Promise<boolean> =>
    stat(file).then(
      () => true,
      () => false,
    );
  const fileIsThere = async (windowsPath: string): Promise<boolean> =>
    (await client.request('file/stat', { path: windowsPath })).entry !== undefined;

  async function assertNothingLeft(): Promise<void> {
    const paths = deployedPaths(target, project);
    assert.equal(await service().query(operation()), undefined);
    for (const file of [paths.driver, `${paths.driver}.old`, paths.application, `${paths.application}.old`]) {
      assert.equal(await fileIsThere(file), false, file);
    }
  }

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'eventscope-wine-'));
    await mkdir(path.join(folder, '.vscode'));
    await writeFile(path.join(folder, '.vscode', 'settings.json'), SETTINGS);
    await writeFile(path.join(folder, 'probe.c'), DRIVER);
    await writeFile(path.join(folder, 'app.c'), APPLICATION);
    project = await loadProject(folder);
    target = await openHere();
    plain = await build(project, operation());
    await target.start(operation());
  });
  after(async () => {
    await target.reset(operation());
    await rm(folder, { recursive: true });
  });
  beforeEach(async () => {
    client = await target.connect(operation());
  });
  afterEach(async () => {
    await client.close();
  });

  describe('prefix', () => {
    it('is found running by whoever comes next, and not started again', async () => {
      const running = await target.prefix.running();
      const other = await openHere();
      await other.start(operation());
      assert.deepEqual(await other.prefix.running(), running);
      assert.equal((await other.health()).state, 'running');
    });

    it('stops with every process of it, and starts again as the same prefix', async () => {
      const before = await target.prefix.running();
      assert.ok(before);
      await writeFile(path.join(target.prefix.folder, 'drive_c', 'kept.txt'), 'kept');
      await target.stop(operation());
      assert.deepEqual(await processesOf(before.mark), []);
      assert.equal((await target.health()).state, 'stopped');
      assert.ok((await client.closed) instanceof EventscopeError);
      await target.start(operation());
      assert.equal(await readFile(path.join(target.prefix.folder, 'drive_c', 'kept.txt'), 'utf8'), 'kept');
      assert.notEqual((await target.prefix.running())?.mark, before.mark);
    });

    it('starts again after its wineserver was killed, and tells the client that lost its agent', async () => {
      const before = await target.prefix.running();
      assert.ok(before);
      process.kill(before.serverPid, 'SIGKILL');
      const error = await client.closed;
      assert.ok(error instanceof EventscopeError);
      assert.equal(error.id, 'agent.lost');
      assert.match((await target.health()).detail, /ended unexpectedly/);
      await target.start(operation());
      assert.deepEqual(await processesOf(before.mark), []);
      assert.equal((await target.health()).state, 'running');
    });

    it('has one server, whatever folder for temporary files those who use it have', async () => {
      await target.stop(operation());
      const before = process.env['TMPDIR'];
      const places = [await mkdtemp(path.join(folder, 'a-')), await mkdtemp(path.join(folder, 'b-'))];
      try {
        process.env['TMPDIR'] = places[0];
        await target.start(operation());
        process.env['TMPDIR'] = places[1];
        const other = await (await openHere()).connect(operation());
        await other.close();
      } finally {
        if (before === undefined) delete process.env['TMPDIR'];
        else process.env['TMPDIR'] = before;
      }
      assert.equal((await serversOf(target.prefix.folder)).length, 1);
    });

    it('is not started a second time beside a server that somebody else has started elsewhere', async () => {
      await target.stop(operation());
      const place = await mkdtemp(path.join(tmpdir(), 'ew-'));
      const environment = { ...target.prefix.environment('0'.repeat(16)), TMPDIR: place };
      const { wineserver } = await findWineTools();
      const foreign = spawn(wineserver, ['-f', '-p'], { env: environment, stdio: 'ignore' });
      const ended = new Promise((resolve) => foreign.once('exit', resolve));
      try {
        while ((await serversOf(target.prefix.folder)).length === 0) await delay(20);
        const error = await failure(target.start(operation()));
        assert.match(error.why ?? '', new RegExp(`process ${foreign.pid} `));
        assert.deepEqual(
          (await serversOf(target.prefix.folder)).map(({ pid }) => pid),
          [foreign.pid],
        );
      } finally {
        foreign.kill('SIGTERM');
        await ended;
        await rm(place, { recursive: true, force: true });
        await target.start(operation());
      }
    });

    it('is started once by two at the same time', async () => {
      await target.stop(operation());
      const [first, second] = [await openHere(), await openHere()];
      await Promise.all([first.start(operation()), second.start(operation())]);
      const running = await first.prefix.running();
      assert.ok(running);
      assert.deepEqual(await second.prefix.running(), running);
      const servers = (await processesOf(running.mark)).filter((item) => item.commandLine.includes('wineserver'));
      assert.equal(servers.length, 1);
    });

    it('leaves nothing of an agent behind when its client closes', async () => {
      const running = await target.prefix.running();
      const agents = async (): Promise<number> =>
        (await processesOf(running?.mark ?? '')).filter((item) => item.commandLine.includes('node.exe')).length;
      assert.equal(await agents(), 1);
      await client.close();
      assert.equal(await agents(), 0);
      assert.equal(await client.closed, undefined);
    });
  });

  describe('a prefix of its own', () => {
    let home: string;
    const own = async (): Promise<WineTarget> => {
      const opened = await openTarget(await loadProject(home));
      assert.ok(opened instanceof WineTarget);
      return opened;
    };
    beforeEach(async () => {
      home = await mkdtemp(path.join(tmpdir(), 'eventscope-own-'));
      await mkdir(path.join(home, 'driver', 'sys'), { recursive: true });
    });
    afterEach(() => rm(home, { recursive: true }));

    it('that was left half made is made anew, and a reset leaves nothing', async () => {
      const wine = path.join(home, '.eventscope', 'wine');
      await mkdir(path.join(wine, 'prefix', 'drive_c'), { recursive: true });
      await writeFile(path.join(wine, 'prefix', 'drive_c', 'half'), '');
      const stamp = { version: 1, state: 'making', wine: 'wine-8.0', madeUtcMs: 1 };
      await writeFile(path.join(wine, 'prefix.json'), JSON.stringify(stamp));
      const half = await own();
      assert.equal((await half.health()).state, 'broken');
      await half.start(operation());
      assert.equal((await half.health()).state, 'running');
      assert.equal(await isThere(path.join(wine, 'prefix', 'drive_c', 'half')), false);
      await half.reset(operation());
      assert.equal((await half.health()).state, 'missing');
      assert.equal(await isThere(path.join(wine, 'prefix')), false);
    });

    it('whose making is cancelled is removed, with its processes', async () => {
      const controller = new AbortController();
      const cancelled = await own();
      const start = cancelled.start(operation(controller.signal, () => setTimeout(() => controller.abort(), 1_500)));
      await assert.rejects(start, CancelledError);
      assert.equal((await cancelled.health()).state, 'missing');
      assert.equal(await isThere(cancelled.prefix.folder), false);
    });

    it('is not touched when it is not ours', async () => {
      const foreign = path.join(home, '.eventscope', 'wine', 'prefix', 'drive_c', 'precious.txt');
      await mkdir(path.dirname(foreign), { recursive: true });
      await writeFile(foreign, 'x');
      const notOurs = await own();
      assert.equal((await failure(notOurs.reset(operation()))).id, 'wine.notOurs');
      assert.equal((await failure(notOurs.start(operation()))).id, 'wine.notOurs');
      assert.equal(await readFile(foreign, 'utf8'), 'x');
    });
  });

  describe('files', () => {
    it('go there and back whole, and leave nothing beside', async () => {
      const here = path.join(folder, 'bytes');
      const back = path.join(folder, 'back');
      const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));
      await writeFile(here, bytes);
      await target.upload(here, 'C:\\eventscope\\tmp\\Bytes.bin', operation());
      await target.download('c:\\EVENTSCOPE\\tmp\\bytes.BIN', back, operation());
      assert.deepEqual(await readFile(back), bytes);
      await client.request('file/remove', { path: 'C:\\eventscope\\tmp\\Bytes.bin' });
    });

    it('that cannot be read say so, and the old file stays', async () => {
      const here = path.join(folder, 'old');
      await writeFile(here, 'old');
      await target.upload(here, 'C:\\eventscope\\tmp\\f', operation());
      assert.equal(
        (await failure(target.upload(path.join(folder, 'none'), 'C:\\eventscope\\tmp\\f', operation()))).id,
        'target.copy',
      );
      await target.download('C:\\eventscope\\tmp\\f', here, operation());
      assert.equal(await readFile(here, 'utf8'), 'old');
    });
  });

  describe('deploying', () => {
    afterEach(async () => {
      if ((await target.health()).state !== 'running') await target.start(operation());
      await undeploy(target, client, project, operation()).catch(() => undefined);
    });

    it('loads the driver, prints what it says, and uploads nothing the second time', async () => {
      const stream = await target.dbgPrint(client, operation());
      const first = await deploy(target, client, project, plain, operation());
      assert.deepEqual(first.uploaded, ['C:\\eventscope\\bin\\probeapp.exe', 'C:\\eventscope\\bin\\probe.sys']);
      assert.equal(first.service.state, 'running');
      const second = await deploy(target, client, project, plain, operation());
      assert.deepEqual([second.uploaded, second.replaced], [[], false]);
      await undeploy(target, client, project, operation());
      await stream.stop();
      const lines: string[] = [];
      for await (const line of stream.lines) lines.push(line.text);
      assert.deepEqual(lines, ['probe: entry one', 'probe: unload']);
      await assertNothingLeft();
      await undeploy(target, client, project, operation());
    });

    it('stays loaded for the next client', async () => {
      await deploy(target, client, project, plain, operation());
      await client.close();
      client = await target.connect(operation());
      assert.equal((await service().query(operation()))?.state, 'running');
    });

    it('stays loaded while nobody is there, longer than Wine keeps an unused prefix', async () => {
      const { service: before } = await deploy(target, client, project, plain, operation());
      await client.close();
      // wineserver itself ends 3 s after its last user process, and services.exe with it.
      await delay(12_000);
      client = await target.connect(operation());
      const after = await service().query(operation());
      assert.deepEqual([after?.state, after?.processId], ['running', before.processId]);
    });

    it('starts a driver again after one of its device’s name has faulted while it ran', async () => {
      const entry = 'NTSTATUS made = MakeDevice(driver); if (!NT_SUCCESS(made)) return made';
      const faulting = await variant('named-later', { ENTRY: `${entry}; StartFaultingThread()` });
      await deploy(target, client, project, faulting, operation());
      while ((await service().query(operation()))?.state !== 'stopped') await delay(200);
      const named = await variant('named', { ENTRY: entry });
      const said: string[] = [];
      const saying = operation(undefined, (message) => said.push(message));
      const other = await target.connect(operation());
      assert.equal((await deploy(target, client, project, named, saying)).service.state, 'running');
      assert.ok(said.includes('Removing \\??\\EventscopeProbe, which a driver left when it faulted'), said.join('\n'));
      assert.ok((await other.request('agent/info', {})).processId !== 0, 'other clients are not disturbed');
      await other.close();
    });

    it('replaces a driver that is loaded', async () => {
      await deploy(target, client, project, plain, operation());
      const other = await variant('other', { TEXT: '"two"' });
      const result = await deploy(target, client, project, other, operation());
      assert.ok(result.uploaded.includes('C:\\eventscope\\bin\\probe.sys'));
      assert.equal(result.replaced, true);
      assert.equal(await fileIsThere('C:\\eventscope\\bin\\probe.sys.old'), false);
    });

    it('says why a driver does not start, and leaves nothing', async () => {
      const failing = await variant('failing', { ENTRY: 'return STATUS_INSUFFICIENT_RESOURCES' });
      const error = await failure(deploy(target, client, project, failing, operation()));
      assert.equal(error.id, 'driver.start');
      assert.deepEqual(error.data['dbgPrint'], ['probe: entry one']);
      assert.match(error.why ?? '', /ERROR_[A-Z_]+ \(\d+\)/);
      await assertNothingLeft();
    });

    it('puts the old driver back, running, when the new one does not start', async () => {
      await deploy(target, client, project, plain, operation());
      const failing = await variant('failing', { ENTRY: 'return STATUS_INSUFFICIENT_RESOURCES' });
      assert.equal((await failure(deploy(target, client, project, failing, operation()))).id, 'driver.start');
      assert.equal((await service().query(operation()))?.state, 'running');
      const again = await deploy(target, client, project, plain, operation());
      assert.deepEqual([again.uploaded, again.replaced], [[], false], 'the old file is in its place');
    });

    it('tells a fault in DriverEntry as the bugcheck that it would be, and leaves nothing', async () => {
      const faulting = await variant('faulting', { ENTRY: '*(volatile int *)(ULONG_PTR)16 = 1' });
      const error = await failure(deploy(target, client, project, faulting, operation()));
      assert.equal(error.id, 'driver.fault');
      assert.match(
        error.message,
        /probe faulted in DriverEntry.*page fault on write access.*0x7E \(SYSTEM_THREAD_EXCEPTION_NOT_HANDLED\)/,
      );
      await assertNothingLeft();
      assert.equal((await deploy(target, client, project, plain, operation())).service.state, 'running');
    });

    it('tells a fault in the unload routine, and undeploys all the same', async () => {
      const faulting = await variant('unload-fault', { UNLOAD: '*(volatile int *)(ULONG_PTR)16 = 1' });
      await deploy(target, client, project, faulting, operation());
      const error = await failure(undeploy(target, client, project, operation()));
      assert.equal(error.id, 'driver.fault');
      assert.match(error.what, /DriverUnload/);
      await assertNothingLeft();
    });

    it('ends the host of a driver that hangs in its unload routine, says so, and undeploys all the same', async () => {
      const hanging = await variant('hanging', {
        UNLOAD: 'LARGE_INTEGER t; t.QuadPart = -36000000000LL; KeDelayExecutionThread(KernelMode, FALSE, &t)',
      });
      await deploy(target, client, project, hanging, operation());
      const impatient = new DriverService(target, client, 'probe', { startMs: 10_000, stopMs: 1_000 });
      const error = await failure(impatient.stop(operation()));
      assert.equal(error.id, 'driver.unload');
      assert.equal(error.data['hostEnded'], true);
      assert.equal((await service().query(operation()))?.state, 'stopped');
      await undeploy(target, client, project, operation());
      await assertNothingLeft();
    });

    it('sees that the host of a driver was killed, and starts the driver again', async () => {
      await deploy(target, client, project, plain, operation());
      const host = (await service().query(operation()))?.processId ?? 0;
      await client.request('process/end', { process: host, exitCode: 1 });
      assert.equal((await service().query(operation()))?.state, 'stopped');
      const again = await deploy(target, client, project, plain, operation());
      assert.equal(again.service.state, 'running');
      assert.notEqual(again.service.processId, host);
    });

    /** Messages of one whole piece of work, and an operation that is cancelled as the message at `index` is said. */
    async function messagesOf(work: (whole: Operation) => Promise<unknown>): Promise<string[]> {
      const said: string[] = [];
      await work(operation(undefined, (message) => said.push(message)));
      return said;
    }
    function cancelledAt(index: number): Operation {
      const controller = new AbortController();
      let count = 0;
      return operation(controller.signal, () => {
        if (count++ === index) controller.abort();
      });
    }

    it('leaves nothing, whatever step it is cancelled in', async () => {
      const said = await messagesOf((whole) => deploy(target, client, project, plain, whole));
      assert.deepEqual(said, [
        'Copying probeapp.exe to the target',
        'Copying probe.sys to the target',
        'Starting probe',
      ]);
      await undeploy(target, client, project, operation());
      for (const index of said.keys()) {
        await assert.rejects(deploy(target, client, project, plain, cancelledAt(index)), CancelledError, said[index]);
        await assertNothingLeft();
      }
    });

    it('leaves the driver that ran before running, whatever step replacing it is cancelled in', async () => {
      const other = await variant('other', { TEXT: '"two"' });
      await deploy(target, client, project, plain, operation());
      const said = await messagesOf((whole) => deploy(target, client, project, other, whole));
      assert.deepEqual(said, ['Stopping probe', 'Copying probe.sys to the target', 'Starting probe']);
      await deploy(target, client, project, plain, operation());
      for (const index of said.keys()) {
        await assert.rejects(deploy(target, client, project, other, cancelledAt(index)), CancelledError, said[index]);
        assert.equal((await service().query(operation()))?.state, 'running', said[index]);
        assert.equal(await fileIsThere('C:\\eventscope\\bin\\probe.sys.old'), false);
        const again = await deploy(target, client, project, plain, operation());
        assert.deepEqual([again.uploaded, again.replaced], [[], false], said[index]);
      }
    });

    it('is undone by the next undeployment, which says so, whatever step the first is cancelled in', async () => {
      await deploy(target, client, project, plain, operation());
      const said = await messagesOf((whole) => undeploy(target, client, project, whole));
      assert.deepEqual(said, ['Stopping probe', 'Deleting the service probe', 'Removing files']);
      for (const index of said.keys()) {
        await deploy(target, client, project, plain, operation());
        await assert.rejects(undeploy(target, client, project, cancelledAt(index)), CancelledError, said[index]);
        const rest: string[] = [];
        const result = await undeploy(
          target,
          client,
          project,
          operation(undefined, (message) => rest.push(message)),
        );
        const serviceWasGone = said[index] === 'Removing files';
        assert.equal(result.resumed, serviceWasGone);
        assert.equal(rest.includes('Finishing an undeployment that was cut off'), serviceWasGone, said[index]);
        await assertNothingLeft();
      }
      const nothing = await undeploy(target, client, project, operation());
      assert.deepEqual(nothing, { service: false, files: [], resumed: false });
    });

    it('brings binaries that something else has built, under the names of the settings', async () => {
      const home = await mkdtemp(path.join(tmpdir(), 'eventscope-binaries-'));
      try {
        const settings = {
          driver: { binary: plain.driver.sys, name: 'given', service: 'givensvc' },
          application: { binary: plain.application.exe, name: 'givenapp' },
        };
        await mkdir(path.join(home, '.vscode'));
        await writeFile(
          path.join(home, '.vscode', 'settings.json'),
          JSON.stringify({ 'eventscope.project': settings }),
        );
        const given = await loadProject(home);
        const result = await deploy(target, client, given, await build(given, operation()), operation());
        assert.deepEqual(result.uploaded, ['C:\\eventscope\\bin\\givenapp.exe', 'C:\\eventscope\\bin\\given.sys']);
        assert.deepEqual([result.service.name, result.service.state], ['givensvc', 'running']);
        const ran = await run(target, client, given, { arguments: ['exit', '5'] }, operation());
        assert.equal(ran.exitCode, 5);
        await undeploy(target, client, given, operation());
      } finally {
        await rm(home, { recursive: true });
      }
    });

    it('is refused to the second, who is told who holds the target', async () => {
      await deploy(target, client, project, plain, operation());
      const second = await target.connect(operation());
      const started = new Promise<void>((resolve) => {
        void run(
          target,
          client,
          project,
          { arguments: ['sleep', '3000'], onStarted: () => resolve() },
          operation(),
        ).catch(() => undefined);
      });
      await started;
      const error = await failure(deploy(target, second, project, plain, operation()));
      assert.equal(error.id, 'target.held');
      assert.match(error.why ?? '', new RegExp(`process ${process.pid} on .*running probeapp sleep 3000`));
      const runError = await failure(run(target, second, project, { arguments: [] }, operation()));
      assert.equal(runError.id, 'target.held');
      await second.close();
    });
  });

  describe('running', () => {
    beforeEach(async () => {
      await deploy(target, client, project, plain, operation());
    });
    afterEach(async () => {
      await undeploy(target, client, project, operation()).catch(() => undefined);
    });

    it('hands arguments over as they are, and brings output and exit code back', async () => {
      const args = ['exit', '7', 'two words', 'a"b\\', ''];
      const result = await run(target, client, project, { arguments: args }, operation());
      assert.equal(result.exitCode, 7);
      assert.deepEqual(
        result.standardOutput.split(/\r?\n/).filter((line) => line !== ''),
        args.map((arg) => `[${arg}]`),
      );
      assert.match(result.standardError, /to standard error/);
      assert.deepEqual(
        result.sources.map((source) => source.side),
        ['user'],
      );
    });

    it('ends the application when it is cancelled', async () => {
      const controller = new AbortController();
      let pid = 0;
      const work = run(
        target,
        client,
        project,
        {
          arguments: ['sleep', '60000'],
          onStarted: (started) => {
            pid = started;
            controller.abort();
          },
        },
        operation(controller.signal),
      );
      await assert.rejects(work, CancelledError);
      const { processes } = await client.request('process/list', {});
      assert.equal(
        processes.some((item) => item.process === pid),
        false,
      );
      assert.equal((await run(target, client, project, { arguments: [] }, operation())).exitCode, 0);
    });

    it('ends the application when its time is over', async () => {
      const error = await failure(
        run(target, client, project, { arguments: ['sleep', '60000'], timeoutMs: 1_000 }, operation()),
      );
      assert.equal(error.id, 'run.timeout');
      const { processes } = await client.request('process/list', {});
      assert.equal(
        processes.some((item) => item.name.toLowerCase() === 'probeapp.exe'),
        false,
      );
    });

    it('ends the application when the driver faults meanwhile, and deploys again', async () => {
      const later = await variant('later', { ENTRY: 'StartFaultingThread()' });
      await deploy(target, client, project, later, operation());
      const error = await failure(run(target, client, project, { arguments: ['sleep', '60000'] }, operation()));
      assert.equal(error.id, 'run.driverFault');
      assert.match(error.message, /page fault on write access.*bugcheck/);
      const { processes } = await client.request('process/list', {});
      assert.equal(
        processes.some((item) => item.name.toLowerCase() === 'probeapp.exe'),
        false,
      );
      assert.equal((await deploy(target, client, project, plain, operation())).service.state, 'running');
    });

    it('says so when the agent dies in the middle', async () => {
      const running = await target.prefix.running();
      const error = await failure(
        run(
          target,
          client,
          project,
          {
            arguments: ['sleep', '60000'],
            onStarted: () => {
              void processesOf(running?.mark ?? '').then((all) => {
                for (const item of all) if (item.commandLine.includes('node.exe')) process.kill(item.pid, 'SIGKILL');
              });
            },
          },
          operation(),
        ),
      );
      assert.equal(error.id, 'agent.lost');
      client = await target.connect(operation());
    });

    it('says what is not deployed', async () => {
      await undeploy(target, client, project, operation());
      assert.equal((await failure(run(target, client, project, { arguments: [] }, operation()))).id, 'run.notDeployed');
    });
  });
});
