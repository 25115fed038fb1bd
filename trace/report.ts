/** What a recording says: the flow, what the diagnosis found, and the first wake; as text and as JSON. */
import { type Finding, diagnose } from './diagnosis.js';
import { describeFlow, flowToJson } from './flow.js';
import { buildModel, type TraceModel } from './model/model.js';
import type { Recording } from './recording.js';

export interface Report {
  readonly model: TraceModel;
  readonly findings: readonly Finding[];
}

export function reportOf(recording: Recording): Report {
  const model = buildModel(recording);
  return { model, findings: diagnose(model) };
}

/** When the first wait returned that a known signal released; ms since 1970 by the target's clock. */
export function firstWakeUtcMs({ clock, wakes, waits }: TraceModel): number | undefined {
  let first = Infinity;
  for (let edge = 0; edge < wakes.count; edge += 1) {
    if ((wakes.signal[edge] ?? -1) < 0) continue;
    first = Math.min(first, waits.end[wakes.wait[edge] ?? 0] ?? Infinity);
  }
  return Number.isFinite(first) ? clock.startUtcMs + first / 1e6 : undefined;
}

/** Records that are missing, in a sentence; undefined when none are. */
export function describeLosses({ recording, gaps }: TraceModel): string | undefined {
  const lost = recording.sources.reduce((sum, source) => sum + (source.end?.lost ?? 0n), 0n);
  const { slots, lines } = recording.dropped;
  const parts = [
    ...(lost > 0n ? [`${lost} records found a ring full`] : []),
    ...(slots > 0 ? [`${slots} slots came after the recording had reached its limit`] : []),
    ...(lines > 0 ? [`${lines} log lines came after it`] : []),
  ];
  if (parts.length === 0) return undefined;
  return `Not everything was recorded: ${parts.join('; ')} (${gaps.length} gaps). What they make undecidable is marked.`;
}

const SEVERITY_WORDS: Readonly<Record<Finding['severity'], string>> = {
  C: 'crash',
  H: 'hang or lost work',
  W: 'wrong result',
  P: 'performance',
};

export function describeFindings(findings: readonly Finding[]): string {
  if (findings.length === 0) return 'Diagnosis: nothing found.';
  const lines = findings.flatMap(({ severity, text, notObserved }) => [
    `- ${SEVERITY_WORDS[severity]}: ${text}`,
    `  ${notObserved}`,
  ]);
  return ['Diagnosis:', ...lines.map((line) => `  ${line}`)].join('\n');
}

export const describeFlowOf = (recording: Recording): string => describeFlow(buildModel(recording));

export function describeReport({ model, findings }: Report): string {
  const losses = describeLosses(model);
  return [describeFlow(model), ...(losses === undefined ? [] : [losses]), describeFindings(findings)].join('\n\n');
}

export function reportToJson({ model, findings }: Report): Record<string, unknown> {
  return { firstWakeUtcMs: firstWakeUtcMs(model), flow: flowToJson(model), findings };
}
