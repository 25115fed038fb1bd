import assert from 'node:assert/strict';
import { toColumns } from '../../trace/columns/from-model.js';
import { generate } from '../../trace/generator.js';
import { buildModel } from '../../trace/model/model.js';
import { Transition } from '../../trace/model/transitions.js';
import { EVIDENCE_WORDS } from '../../trace/model/wakes.js';
import { parseFilter } from '../filter.js';
import { layOut } from '../lanes.js';
import { pictureOf } from '../opening.js';
import type { Theme } from '../theme.js';
import { TimeScale } from '../time-scale.js';
import { viewOf } from '../view-data.js';
import { ViewIndex } from '../view-index.js';
import { drawEdge } from './edges.js';
import { drawGlyph } from './glyphs.js';
import type { Scene } from './scene.js';
import { RectangleShades } from './shades.js';
import { SvgPen } from './svg.js';

const THEME: Theme = {
  ...{ background: '#ffffff', foreground: '#000000', faint: '#777777', line: '#dddddd', stripe: '#eeeeee' },
  ...{ signaled: '#008800', signal: '#0000ff', reset: '#bb5500', wiped: '#cc0000', wait: '#ccaa00', onWait: '#111111' },
  ...{ edge: '#8800ff', focus: '#0066cc', font: 'sans-serif' },
};

const drawnBy = (draw: (pen: SvgPen) => void): string => {
  const pen = new SvgPen((text) => ({ width: text.length * 6 }) as TextMetrics);
  draw(pen);
  return pen.finish(100, 100);
};

describe('signs of transitions', () => {
  const glyph = (kind: number): string => drawnBy((pen) => drawGlyph(pen, THEME, kind, 50, 50));

  it('tell by their form alone what happened: also who sees no colours knows a set from a reset, a wipe and a pulse', () => {
    const { Set: set, CoalescedSet, Reset, Wipe, Pulse, MissedPulse, Take, Create } = Transition;
    const forms = [set, CoalescedSet, Reset, Wipe, Pulse, MissedPulse, Take, Create].map((kind) =>
      glyph(kind).replace(/#[0-9a-f]{6}/g, 'colour'),
    );
    assert.equal(new Set(forms).size, forms.length);
  });

  it('are full for a signal, hollow for one that found it signaled, crossed for one that was wiped', () => {
    assert.match(glyph(Transition.Set), /<path d="M[^"]*Z" fill="#0000ff"\/>/);
    assert.match(glyph(Transition.CoalescedSet), /<path d="M[^"]*Z" fill="none" stroke="#0000ff"/);
    assert.match(glyph(Transition.Wipe), /<path d="M45 45L55 55M55 45L45 55" fill="none" stroke="#cc0000"/);
  });
});

describe('wake edges', () => {
  const { recording } = generate({ seed: 5, span: 6e6, lost: 0.05, skewed: true, types: ['event', 'semaphore'] });
  const { columns, index } = pictureOf([toColumns(buildModel(recording))], 'clock');
  const view = new ViewIndex(viewOf(columns, index));
  const arrangement = {
    folded: new Set<string>(),
    pinned: new Set<string>(),
    order: [],
    names: new Map<string, string>(),
  };
  const filter = parseFilter('');
  const pen = new SvgPen((text) => ({ width: text.length * 6 }) as TextMetrics);
  const scene: Scene = {
    ...{ view, filter, arrangement, theme: THEME, shades: new RectangleShades(pen) },
    ...{ layout: layOut(view, filter, arrangement), scale: new TimeScale(0, columns.end, 900, columns.end) },
    ...{ gutter: 100, width: 1_012, height: 5_000, scrollTop: 0, stopsCut: false },
    ...{ selection: undefined, hover: undefined, pointer: undefined, range: undefined, box: undefined },
    ...{ edges: [], currentStop: undefined },
  };

  it('are solid where both ends were seen, dashed where inferred, dotted from each signal that it can have been', () => {
    const seen = new Map<string, number>();
    columns.edges.evidence.forEach((evidence, edge) => {
      const word = EVIDENCE_WORDS[evidence] ?? '';
      const [first = 0, end = 0] = [columns.edges.firstCandidate[edge], columns.edges.firstCandidate[edge + 1]];
      const lines = (columns.edges.signal[edge] ?? -1) >= 0 ? 1 : end - first;
      const curves = drawnBy((own) => drawEdge(own, scene, edge)).match(/<path d="M[^"]*C[^>]*>/g) ?? [];
      assert.equal(curves.length, lines, word);
      const dash = word === 'seen' ? undefined : word === 'inferred' ? '6 4' : '2 4';
      for (const curve of curves) assert.equal(/stroke-dasharray="([^"]*)"/.exec(curve)?.[1], dash, word);
      if (lines > 0) seen.set(word, (seen.get(word) ?? 0) + 1);
    });
    assert.deepEqual([...seen.keys()].sort(), ['ambiguous', 'inferred', 'seen']);
  });
});
