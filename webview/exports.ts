/** What the view is exported as. */
import type { ExportKind, ViewMessage } from '../protocol/webview.js';
import { chromeText } from '../trace/exporters/perfetto.js';
import { csvLinesOf } from '../trace/exporters/rows.js';
import { RectangleShades } from './draw/shades.js';
import { SvgPen } from './draw/svg.js';
import { element } from './element.js';
import type { Timeline } from './timeline.js';

type ExportedFile = Omit<Extract<ViewMessage, { type: 'export' }>, 'type'>;

/** The whole recording as Chrome trace, the marked range or what is in sight as CSV, the view as it is drawn as PNG and SVG. */
export async function exportAs(
  kind: ExportKind,
  timeline: Timeline,
  give: (file: ExportedFile) => void,
): Promise<void> {
  const { columns, index } = timeline.view.data;
  const title = columns.title.replace(/[^\w.-]+/g, '-').slice(0, 80) || 'timeline';
  switch (kind) {
    case 'chrome':
      give({ name: `${title}.json`, mediaType: 'application/json', content: [...chromeText(columns)].join('') });
      return;
    case 'csv': {
      const { from, until } = timeline.range ?? timeline.scale;
      const content = [...csvLinesOf(columns, index, from, until)].join('');
      give({ name: `${title}.csv`, mediaType: 'text/csv', content });
      return;
    }
    case 'svg':
      give({ name: `${title}.svg`, mediaType: 'image/svg+xml', content: svgOf(timeline) });
      return;
    case 'png': {
      const canvas = element('canvas', HTMLCanvasElement);
      const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve));
      if (blob === null) throw new Error('The picture is too large for this browser.');
      give({ name: `${title}.png`, mediaType: 'image/png', content: new Uint8Array(await blob.arrayBuffer()) });
    }
  }
}

/** Without the pointer. */
function svgOf(timeline: Timeline): string {
  const canvas = document.createElement('canvas').getContext('2d');
  if (canvas === null) throw new Error('This browser does not draw on a canvas.');
  const pen = new SvgPen((text, font) => {
    canvas.font = font;
    return canvas.measureText(text);
  });
  const { width, height } = timeline.drawOn(pen, new RectangleShades(pen), false);
  return pen.finish(width, height);
}
