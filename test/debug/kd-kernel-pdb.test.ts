/** A kernel of a build that is in no table: its own PDB tells where its structures' fields are. The PDB is made here. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { identityOfFile, openSymbols } from '../../debug-adapter/symbols/open-symbols.js';
import type { ModuleSymbols } from '../../debug-adapter/symbols/symbol-provider.js';
import { EventscopeError } from '../../protocol/errors.js';
import { findLinuxToolchain } from '../../target/toolchain/find-linux.js';
import { EPROCESS, ETHREAD, KTHREAD, OBJECT_HEADER } from '../kd-target/layouts.js';
import { KdBench } from './kd-fixture.js';

const UNKNOWN_BUILD = 65_000;

/** A structure with these fields at these offsets. */
function structure(name: string, fields: Readonly<Record<string, number>>): string {
  const parts: string[] = [];
  let end = 0;
  for (const [field, offset] of Object.entries(fields).sort(([, one], [, other]) => one - other)) {
    if (offset > end) parts.push(`char Pad${end}[${offset - end}];`);
    parts.push(`char ${field};`);
    end = offset + 1;
  }
  return `struct ${name} { ${parts.join(' ')} } Of${name};`;
}

const SOURCE = [
  structure('_KPROCESS', { DirectoryTableBase: EPROCESS.DirectoryTableBase }),
  structure('_EPROCESS', {
    UniqueProcessId: EPROCESS.UniqueProcessId,
    ActiveProcessLinks: EPROCESS.ActiveProcessLinks,
    Peb: EPROCESS.Peb,
    ObjectTable: EPROCESS.ObjectTable,
    DebugPort: EPROCESS.DebugPort,
    ImageFileName: EPROCESS.ImageFileName,
    ThreadListHead: EPROCESS.ThreadListHead,
  }),
  structure('_KTHREAD', {
    InitialStack: KTHREAD.InitialStack,
    KernelStack: KTHREAD.KernelStack,
    TrapFrame: KTHREAD.TrapFrame,
    WaitStatus: KTHREAD.WaitStatus,
    WaitBlockList: KTHREAD.WaitBlockList,
    Teb: KTHREAD.Teb,
    State: KTHREAD.State,
    WaitMode: KTHREAD.WaitMode,
    WaitTime: KTHREAD.WaitTime,
    Process: KTHREAD.Process,
    WaitBlockCount: KTHREAD.WaitBlockCount,
    WaitReason: KTHREAD.WaitReason,
  }),
  structure('_ETHREAD', {
    Cid: ETHREAD.Cid,
    Win32StartAddress: ETHREAD.Win32StartAddress,
    ThreadListEntry: ETHREAD.ThreadListEntry,
    ThreadName: ETHREAD.ThreadName,
  }),
  structure('_OBJECT_HEADER', {
    TypeIndex: OBJECT_HEADER.TypeIndex,
    InfoMask: OBJECT_HEADER.InfoMask,
    Body: OBJECT_HEADER.Body,
  }),
  'int Entry(void) { return 0; }',
].join('\n');

async function compiledKernel(folder: string): Promise<ModuleSymbols> {
  const { clang, lld } = await findLinuxToolchain();
  const source = join(folder, 'structures.c');
  const image = join(folder, 'ntoskrnl.exe');
  await writeFile(source, SOURCE);
  const link = ['-fuse-ld=lld', `--ld-path=${lld}`, '-Wl,--entry,Entry', '-Wl,--subsystem,native', '-Wl,--pdb='];
  const options = ['--target=x86_64-w64-mingw32', '-g', '-gcodeview', '-nostdlib', ...link];
  await promisify(execFile)(clang, [...options, source, '-o', image], { cwd: folder, timeout: 60_000 });
  const settings = { symbolPath: [], useSymbolServers: false, cacheFolder: folder };
  const identity = await identityOfFile(image);
  return openSymbols({ identity, imagePath: image }, settings, new AbortController().signal);
}

describe('a kernel of a build that is in no table', function () {
  this.timeout(60_000);
  let bench: KdBench;
  afterEach(() => bench.close());

  it('is refused where nothing tells its layout, and read when its PDB is there', async () => {
    bench = await KdBench.make({ booted: true, retransmitMs: 100, build: UNKNOWN_BUILD });
    const { engine } = await bench.attached();
    const { inventory } = engine;
    assert.equal(inventory.layout.provenance.table, 0);
    await assert.rejects(inventory.listProcesses(), (error) => {
      assert.ok(error instanceof EventscopeError && error.id === 'debug.ntLayout', String(error));
      assert.match(error.message, /EPROCESS\.\w+ .* is not known/);
      assert.match(error.message, /build 65000 is in no table/);
      return true;
    });

    const symbols = await compiledKernel(bench.folder);
    try {
      assert.equal(symbols.source, 'pdb');
      await inventory.useSymbols(symbols);
      assert.deepEqual(inventory.layout.provenance, { pdb: 27, 'debugger data': 0, table: 0 });
      const processes = await inventory.listProcesses();
      assert.deepEqual(
        processes.map(({ name, processId }) => [name, processId]),
        [
          ['System', 4],
          ['eventapp.exe', 1_204],
        ],
      );
      const [, application] = processes;
      assert.ok(application !== undefined);
      const threads = await inventory.listThreads(application);
      assert.deepEqual(
        threads.map(({ name }) => name),
        ['main of the application'],
      );
      const [system] = processes;
      assert.ok(system !== undefined);
      assert.ok((await inventory.listThreads(system)).every(({ name }) => name === undefined));
    } finally {
      await symbols.close();
    }
  });
});
