/** Import slots as the host sees them in a process of a Wine prefix: by /proc, without anything of ours in between. */
import assert from 'node:assert/strict';
import { open, readdir, readFile } from 'node:fs/promises';
import { BufferSource } from '../../machine/pe/byte-source.js';
import { readImports } from '../../machine/pe/imports.js';
import { PeImage } from '../../machine/pe/pe-image.js';
import { pointOfImport } from '../../machine/points.js';

/** The import slots of a program in the memory of its process, read by the host's own means. */
export class ImportSlots {
  private constructor(
    private readonly hostProcess: number,
    private readonly base: number,
    private readonly addresses: readonly number[],
    /** By slot: whether it leads to a function of the catalogue that can be recorded. */
    readonly arePoints: readonly boolean[],
  ) {}

  /** Of the youngest process that has the file loaded: others of the name may run in other prefixes on this host. */
  static async of(file: string): Promise<ImportSlots> {
    for (let tries = 0; tries < 200; tries += 1) {
      const processes = (await readdir('/proc')).filter((one) => /^\d+$/.test(one)).map(Number);
      for (const entry of processes.sort((left, right) => right - left)) {
        const maps = await readFile(`/proc/${entry}/maps`, 'latin1').catch(() => '');
        const line = maps.split('\n').find((one) => one.endsWith(file) && /^\S+ \S+ 0{8} /.test(one));
        if (line === undefined) continue;
        const base = Number.parseInt(line, 16);
        const image = await PeImage.open(new BufferSource(await readFile(file)), 'file');
        const imports = await readImports(image);
        const recordable = (module: string, called: string | undefined): boolean => {
          const point = called === undefined ? undefined : pointOfImport(module, called);
          return point !== undefined && point.action !== 'delay' && point.object !== 'address';
        };
        return new ImportSlots(
          entry,
          base,
          imports.map(({ slotRva }) => base + slotRva),
          imports.map(({ module, name: called }) => recordable(module, called)),
        );
      }
      await pause(50);
    }
    return assert.fail(`no process has ${file} loaded`);
  }

  async read(): Promise<readonly bigint[]> {
    const memory = await open(`/proc/${this.hostProcess}/mem`);
    try {
      const values: bigint[] = [];
      for (const address of this.addresses) {
        const bytes = Buffer.alloc(8);
        await memory.read(bytes, 0, 8, address);
        values.push(bytes.readBigUInt64LE());
      }
      return values;
    } finally {
      await memory.close();
    }
  }

  /** Other memory of the image, code for example. */
  async image(rva: number, length: number): Promise<Uint8Array> {
    const memory = await open(`/proc/${this.hostProcess}/mem`);
    try {
      const bytes = Buffer.alloc(length);
      await memory.read(bytes, 0, length, this.base + rva);
      return bytes;
    } finally {
      await memory.close();
    }
  }

  /** Until the loader has bound them, they hold RVAs. */
  async whenBound(): Promise<readonly bigint[]> {
    await this.until(async () => (await this.read()).every((value) => value > 0x100_0000n));
    return this.read();
  }

  async isAlive(afterMs: number): Promise<boolean> {
    await pause(afterMs);
    return this.read().then(
      () => true,
      () => false,
    );
  }

  async gone(): Promise<void> {
    await this.until(() => this.isAlive(0).then((alive) => !alive));
  }

  /** Bounded: 10 s. */
  async until(condition: () => Promise<boolean>): Promise<void> {
    for (let tries = 0; tries < 200; tries += 1) {
      if (await condition()) return;
      await pause(50);
    }
    assert.fail('it did not happen within 10 s');
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
