/** A measured figure, in the form that is kept and compared over time. */
import { formatTable } from '../../cli/table.js';

export interface Figure {
  readonly bench: string;
  /** Median of the runs. */
  readonly value: number;
  readonly unit: string;
  readonly better: 'lower' | 'higher';
  readonly aim: number;
  /** Another program that was measured in the same run, and its median. */
  readonly peer: string | null;
  readonly peerValue: number | null;
  /** How many runs the medians are of. */
  readonly runs: number;
}

/** @param values at least one */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle];
  const lower = sorted[sorted.length % 2 === 0 ? middle - 1 : middle];
  if (upper === undefined || lower === undefined) throw new RangeError('The median of nothing');
  return (lower + upper) / 2;
}

export const meetsAim = ({ better, value, aim }: Figure): boolean => (better === 'lower' ? value <= aim : value >= aim);

/** How many times better than the peer; above 1 is better. Undefined without a peer. */
export function ratioToPeer({ better, value, peerValue }: Figure): number | undefined {
  if (peerValue === null || value === 0 || peerValue === 0) return undefined;
  return better === 'lower' ? peerValue / value : value / peerValue;
}

/** Four digits are more than any of these measurements is good for. */
const short = (value: number): string =>
  value >= 10_000 ? Math.round(value).toLocaleString('en') : value.toPrecision(4);

/** The figures as a table for people. */
export function describeFigures(figures: readonly Figure[]): string {
  return formatTable(figures, [
    { title: 'BENCH', text: (figure) => figure.bench },
    { title: 'VALUE', align: 'right', text: (figure) => short(figure.value) },
    { title: 'UNIT', text: (figure) => figure.unit },
    { title: 'AIM', text: (figure) => `${figure.better === 'lower' ? '<=' : '>='} ${short(figure.aim)}` },
    { title: 'MET', text: (figure) => (meetsAim(figure) ? 'yes' : 'NO') },
    {
      title: 'PEER',
      text: ({ peer, peerValue }) => (peer === null || peerValue === null ? '' : `${peer} ${short(peerValue)}`),
    },
    { title: 'BETTER BY', align: 'right', text: (figure) => ratioToPeer(figure)?.toFixed(2).concat('x') ?? '' },
    { title: 'RUNS', align: 'right', text: (figure) => String(figure.runs) },
  ]);
}
