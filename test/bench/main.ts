/**
 * Runs benchmarks. One line of JSON per figure with --json, as each becomes known; else a table at the end.
 *
 *   node --import tsx test/bench/main.ts [--json] [NAME...]
 *
 * Exit codes: 0 measured (whether the aims are met is for the reader), 1 a benchmark failed, 2 no such benchmark or option: all are listed.
 */
import { cancelOnInterrupt } from '../../cli/interrupt.js';
import { failureOf } from '../../cli/failure.js';
import { Terminal } from '../../cli/terminal.js';
import { type Benchmark, BENCHMARKS } from './benchmark.js';
import { describeFigures, type Figure } from './figure.js';
import { Bench } from './workspace.js';

function chosen(names: readonly string[]): readonly Benchmark[] | undefined {
  const known = BENCHMARKS.flatMap((benchmark) => benchmark.names);
  if (names.some((name) => !known.includes(name))) return undefined;
  return BENCHMARKS.filter((benchmark) => names.length === 0 || benchmark.names.some((name) => names.includes(name)));
}

async function main(args: readonly string[]): Promise<number> {
  const terminal = new Terminal(process.stdout, process.stderr);
  const json = args.includes('--json');
  const names = args.filter((argument) => !argument.startsWith('-'));
  const benchmarks = args.some((argument) => argument.startsWith('-') && argument !== '--json')
    ? undefined
    : chosen(names);
  if (benchmarks === undefined) {
    terminal.note(`Benchmarks: ${BENCHMARKS.flatMap((benchmark) => benchmark.names).join(', ')}`);
    return 2;
  }
  const { signal } = cancelOnInterrupt(
    {
      on: (name, listener) => process.on(name, listener),
      off: (name, listener) => process.off(name, listener),
      exit: (code) => process.exit(code),
    },
    (line) => terminal.note(line),
  );
  const bench = await Bench.open({ signal, progress: (message) => terminal.progress(message) });
  const figures: Figure[] = [];
  let failed = 0;
  try {
    for (const benchmark of benchmarks) {
      try {
        const measured = (await benchmark.run(bench)).filter(
          (figure) => names.length === 0 || names.includes(figure.bench),
        );
        figures.push(...measured);
        if (json) for (const figure of measured) terminal.json(figure);
      } catch (error) {
        failed++;
        terminal.note(`${benchmark.names.join(', ')}:\n${failureOf(error).text}`);
        if (signal.aborted) break;
      }
    }
  } finally {
    await bench.close();
  }
  if (!json && figures.length > 0) terminal.result(describeFigures(figures));
  terminal.clearProgress();
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
