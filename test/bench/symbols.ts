/**
 * The largest PDB of the corpus (6.6 MB, kept compressed as symbol servers give it), from opening to the answer for one address, against
 * llvm-symbolizer for the same address. Memory is the whole process's at its peak, Node included.
 */
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PdbFile } from '../../debug-adapter/symbols/pdb/pdb-file.js';
import { PdbSymbols } from '../../debug-adapter/symbols/pdb/pdb-symbols.js';
import { expandCabinet } from '../../debug-adapter/symbols/store/cabinet.js';
import { readPdbIdentity } from '../../debug-adapter/symbols/store/pdb-identity.js';
import { makePe, makeRsds } from '../../machine/pe/test-image.js';
import type { Benchmark } from './benchmark.js';
import { type Figure, median } from './figure.js';
import type { Bench } from './workspace.js';

const RUNS = 9;
const LIMIT = 64 * 1024 * 1024;
/** Behind every section of the PDB's image. */
const RSDS_AT = 0x70_0000;
/** Whose body is asked for. */
const FUNCTION = 'malloc';
const PEER = 'llvm-symbolizer';
const PEER_PROGRAM = 'llvm-symbolizer-19';

interface Measured {
  readonly ms: number;
  /** KiB. */
  readonly peak: number;
  readonly output: string;
}

/** Runs a program under GNU time, which knows its peak memory. */
async function measure(bench: Bench, program: string, args: readonly string[]): Promise<Measured> {
  const { code, stdout, stderr } = await bench.run('/usr/bin/time', ['-f', '%M %e', program, ...args]);
  const [peak, seconds] = (stderr.trim().split('\n').at(-1) ?? '').split(' ').map(Number);
  if (code !== 0 || peak === undefined || seconds === undefined) throw new Error(`${program}: ${stderr}`);
  return { ms: seconds * 1000, peak, output: stdout };
}

export const symbols: Benchmark = {
  names: ['first-symbol', 'first-symbol-memory'],
  async run(bench) {
    const folder = mkdtempSync(path.join(tmpdir(), 'eventscope-bench-symbols-'));
    try {
      const pdb = path.join(folder, 'basic32.pdb');
      const file = openSync(pdb, 'w');
      expandCabinet(bench.file('..', 'shared', 'corpus', 'pdb', 'dump_syms-basic32.pd_'), file, LIMIT);
      closeSync(file);
      const { guid, age } = readPdbIdentity(pdb);
      const exe = path.join(folder, 'basic32.exe');
      const rsds = { rva: RSDS_AT, bytes: makeRsds(RSDS_AT, guid, age, pdb) };
      writeFileSync(exe, makePe({ sections: [rsds], directories: { 6: { rva: RSDS_AT, size: 28 } } }));
      const rva = await addressOf(pdb, FUNCTION);
      const worker = bench.file('dist', 'symbol-worker.cjs');
      const script = bench.file('test', 'bench', 'first-symbol.cjs');
      const own: Measured[] = [];
      const peer: Measured[] = [];
      for (let run = 0; run < RUNS; run++) {
        bench.operation.progress(`One address of a large PDB: run ${run + 1} of ${RUNS}`);
        const ours = await measure(bench, process.execPath, [script, worker, pdb, guid, String(rva)]);
        own.push({ ...ours, ms: (JSON.parse(ours.output) as { ms: number }).ms });
        peer.push(await measure(bench, PEER_PROGRAM, [`--obj=${exe}`, '--relative-address', String(rva)]));
      }
      const said = [own, peer].map((runs) => runs[0]?.output ?? '');
      if (!said.every((output) => output.includes(FUNCTION))) throw new Error(`Not ${FUNCTION}: ${said.join(' and ')}`);
      return [
        figure('first-symbol', 'ms', own, peer, ({ ms }) => ms),
        figure('first-symbol-memory', 'MiB', own, peer, ({ peak }) => peak / 1024),
      ];
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

async function addressOf(pdb: string, name: string): Promise<number> {
  const module = new PdbSymbols({ name, timeDateStamp: 0, sizeOfImage: 0 }, pdb, [], new PdbFile(pdb));
  const [found] = await module.functions(name);
  await module.close();
  if (found === undefined) throw new Error(`${pdb} has no ${name}`);
  return found.bodyRva;
}

/** The aim is to be better than the peer, whatever it takes here. */
function figure(
  name: string,
  unit: string,
  own: readonly Measured[],
  peer: readonly Measured[],
  value: (measured: Measured) => number,
): Figure {
  const peerValue = median(peer.map(value));
  const ours = median(own.map(value));
  return { bench: name, value: ours, unit, better: 'lower', aim: peerValue, peer: PEER, peerValue, runs: RUNS };
}
