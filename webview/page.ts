/** Markup and style of the timeline's page. Colours are VS Code's where it gives them. */
import { KEY_WORDS } from './keys.js';

/** Of a light page, a dark one, and both with high contrast. VS Code's charts.orange is see-through: no colour for a sign. */
const LIGHT = `
  --es-background: var(--vscode-editor-background, #ffffff);
  --es-foreground: var(--vscode-foreground, #24292f);
  --es-faint: var(--vscode-descriptionForeground, #626b76);
  --es-line: var(--vscode-editorWidget-border, #d6dbe1);
  --es-stripe: var(--vscode-sideBar-background, #f5f7f9);
  --es-signaled: var(--vscode-charts-green, #2f8f4e);
  --es-signal: var(--vscode-charts-blue, #0b62c4);
  --es-reset: #b35900;
  --es-wiped: var(--vscode-charts-red, #c62828);
  --es-wait: var(--vscode-charts-yellow, #c9a227);
  --es-on-wait: #1b1f24;
  --es-edge: var(--vscode-charts-purple, #7b3fb5);
  --es-focus: var(--vscode-focusBorder, #0b62c4);
  color-scheme: light;`;
const DARK = `
  --es-background: var(--vscode-editor-background, #1b1f24);
  --es-foreground: var(--vscode-foreground, #e2e6ea);
  --es-faint: var(--vscode-descriptionForeground, #9aa4ae);
  --es-line: var(--vscode-editorWidget-border, #3a424b);
  --es-stripe: var(--vscode-sideBar-background, #22272e);
  --es-signaled: var(--vscode-charts-green, #57b36d);
  --es-signal: var(--vscode-charts-blue, #58a6ff);
  --es-reset: #f0a04b;
  --es-wiped: var(--vscode-charts-red, #ff6b63);
  --es-wait: var(--vscode-charts-yellow, #d9b64c);
  --es-on-wait: #1b1f24;
  --es-edge: var(--vscode-charts-purple, #c594f0);
  --es-focus: var(--vscode-focusBorder, #58a6ff);
  color-scheme: dark;`;
/** The theme's own border colours, and signs in colours that every one of these themes shows on its background. */
const HIGH_CONTRAST = `
  --es-background: var(--vscode-editor-background, #000000);
  --es-foreground: var(--vscode-foreground, #ffffff);
  --es-faint: var(--vscode-foreground, #ffffff);
  --es-line: var(--vscode-contrastBorder, #6fc3df);
  --es-stripe: var(--vscode-editor-background, #000000);
  --es-signaled: #3fe06a; --es-signal: #6cb8ff; --es-reset: #ffb454; --es-wiped: #ff7b72; --es-wait: #ffe14d;
  --es-on-wait: #000000; --es-edge: #e0b0ff;
  --es-focus: var(--vscode-focusBorder, #f38518);
  color-scheme: dark;`;
const HIGH_CONTRAST_LIGHT = `
  --es-background: var(--vscode-editor-background, #ffffff);
  --es-foreground: var(--vscode-foreground, #000000);
  --es-faint: var(--vscode-foreground, #000000);
  --es-line: var(--vscode-contrastBorder, #0f4a85);
  --es-stripe: var(--vscode-editor-background, #ffffff);
  --es-signaled: #0a6b2d; --es-signal: #0037a8; --es-reset: #8a3c00; --es-wiped: #a80000; --es-wait: #6b5200;
  --es-on-wait: #ffffff; --es-edge: #5a189a;
  --es-focus: var(--vscode-focusBorder, #006bbd);
  color-scheme: light;`;

const STILL = 'scroll-behavior: auto !important; transition: none !important; animation: none !important;';

export const pageStyle = `
body { ${LIGHT} }
@media (prefers-color-scheme: dark) { body { ${DARK} } }
@media (prefers-contrast: more) { body { ${HIGH_CONTRAST_LIGHT} } }
@media (prefers-contrast: more) and (prefers-color-scheme: dark) { body { ${HIGH_CONTRAST} } }
body.vscode-light { ${LIGHT} }
body.vscode-dark { ${DARK} }
body.vscode-high-contrast { ${HIGH_CONTRAST} }
body.vscode-high-contrast-light { ${HIGH_CONTRAST_LIGHT} }
* { box-sizing: border-box; }
html, body { height: 100%; margin: 0; }
body {
  display: flex; flex-direction: column; padding: 0; background: var(--es-background); color: var(--es-foreground);
  font: 13px/1.4 var(--vscode-font-family, system-ui, 'Segoe UI', sans-serif);
}
header { padding: 8px 14px 6px; border-bottom: 1px solid var(--es-line); }
h1 { font-size: 15px; font-weight: 600; margin: 0; display: inline; }
#summary { color: var(--es-faint); margin: 0 0 0 10px; display: inline-block; }
#problems { color: var(--es-wiped); white-space: pre-wrap; margin: 4px 0 0; max-height: 7em; overflow: auto; }
#problems:empty { display: none; }
.bar { display: flex; flex-wrap: wrap; gap: 4px 8px; align-items: center; margin-top: 6px; }
.bar button, .bar input, .bar select, .panel button, .panel select {
  font: inherit; color: inherit; background: var(--es-stripe); border: 1px solid var(--es-line); border-radius: 4px; padding: 2px 9px;
}
.bar button[aria-pressed='true'] { border-color: var(--es-focus); color: var(--es-focus); }
:focus-visible { outline: 2px solid var(--es-focus); outline-offset: -2px; }
#filter { flex: 1 1 16em; max-width: 31em; } #export { width: 8em; } #filter[aria-invalid='true'] { border-color: var(--es-wiped); } #runs { max-width: 34em; }
#legend { color: var(--es-faint); display: flex; flex-wrap: wrap; gap: 2px 12px; margin-left: 4px; }
#legend [hidden] { display: none; } #legend b { font-weight: 400; display: inline-block; min-width: 14px; text-align: center; }
.signal { color: var(--es-signal); } .reset { color: var(--es-reset); } .wiped { color: var(--es-wiped); }
.wait { color: var(--es-wait); } .stopped { color: var(--es-focus); } .edge { color: var(--es-edge); } .signaled { color: var(--es-signaled); }
#stage { position: relative; flex: 1 1 auto; min-height: 160px; overflow-x: hidden; overflow-y: auto; }
canvas { display: block; position: sticky; top: 0; touch-action: none; cursor: crosshair; }
#height { width: 1px; position: absolute; top: 0; left: 0; visibility: hidden; }
#detail {
  min-height: 46px; max-height: 30vh; overflow: auto; padding: 6px 14px; border-top: 1px solid var(--es-line);
  background: var(--es-stripe); white-space: pre-wrap; font-variant-numeric: tabular-nums;
}
details { border-top: 1px solid var(--es-line); flex: 0 1 auto; overflow: auto; max-height: 45vh; }
details:not([open]) { flex: 0 0 auto; overflow: hidden; }
summary { padding: 4px 14px; cursor: pointer; color: var(--es-faint); }
.panel { padding: 0 14px 8px; } .panel h2 { font-size: 13px; font-weight: 600; margin: 10px 0 4px; }
.panel p { margin: 4px 0; color: var(--es-faint); } .panel button, .panel select { margin: 6px 6px 6px 0; max-width: 100%; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 2px 12px 2px 0; border-bottom: 1px solid var(--es-line); vertical-align: top; }
th { position: sticky; top: 0; background: var(--es-background); font-weight: 600; }
td.number, th.number { text-align: right; } td.number { white-space: nowrap; }
td.changed { color: var(--es-wiped); font-weight: 600; }
.bars { display: flex; align-items: flex-end; gap: 2px; height: 64px; margin: 4px 0; }
.bars i { display: block; width: 22px; background: var(--es-signal); min-height: 1px; }
.axis { display: flex; gap: 2px; color: var(--es-faint); font-size: 10px; } .axis span { width: 22px; overflow: hidden; }
@media (max-width: 700px) { h1 { font-size: 13px; } h1 + #summary { margin-left: 0; } table { font-size: 12px; } #runs { max-width: 24em; } th, td { padding-right: 8px; } }
/* A panel of the editor may be low: its room belongs to the lanes. */
@media (max-height: 560px) { #legend { display: none; } h1 { font-size: 13px; } header { padding: 4px 14px; } }
@media (max-height: 700px) {
  body:has(details[open]) #legend { display: none; }
  body:has(details[open]) #detail { min-height: 0; max-height: 4.2em; }
  details { max-height: 34vh; }
}
body.dropping #stage { outline: 2px dashed var(--es-focus); outline-offset: -4px; }
@media (prefers-reduced-motion: reduce) { * { ${STILL} } }
body.vscode-reduce-motion, body.vscode-reduce-motion * { ${STILL} }
`;

const button = (id: string, text: string, title: string, more = ''): string =>
  `<button type="button" id="${id}" title="${title}" ${more}>${text}</button>`;

export const pageBody = `
<header>
  <h1 id="title">Timeline</h1><span id="summary" role="status"></span>
  <p id="problems" role="alert"></p>
  <div class="bar" role="toolbar" aria-label="Timeline">
    ${button('fit', 'Show all', 'Show all (0)')}
    ${button('in', '+', 'Zoom in (W, wheel)', 'aria-label="Zoom in"')}
    ${button('out', '&minus;', 'Zoom out (S, wheel)', 'aria-label="Zoom out"')}
    <select id="runs" aria-label="Run" title="Run" hidden></select>
    <input id="filter" type="search" placeholder="Filter: names, side:kernel, status:timed, wait&gt;10ms"
      aria-label="Filter objects, threads and waits" title="Names; object: thread: side: status: wait&gt;10ms latency&gt;200us. N and Shift+N: next and previous match">
    ${button('back', 'What released it', 'The signal that released this wait, or what had released the signal’s thread (B)')}
    ${button('path', 'Critical path', 'Everything that had to happen before the selection (C)', 'aria-pressed="false"')}
    ${button('stops', 'Cut stops out', 'Time in which the debugger held the target: cut out or hatched (X)', 'aria-pressed="false" hidden')}
    <select id="export" aria-label="Export" title="Export">
      <option value="">Export&hellip;</option>
      <option value="chrome">Chrome trace JSON (Perfetto)</option>
      <option value="csv">CSV of the range in sight</option>
      <option value="png">PNG of the view</option>
      <option value="svg">SVG of the view</option>
    </select>
    ${button('keys', '?', 'Keys (?)', 'aria-label="Keys"')}
    <span id="legend">
      <span><b class="signal">&#9650;</b> set</span>
      <span><b class="signal">&#9651;</b> coalesced</span>
      <span><b class="reset">&#9660;</b> reset</span>
      <span><b class="wiped">&#10005;</b> wiped</span>
      <span><b class="signal">&#9670;</b> pulse</span>
      <span><b class="signaled">&#9608;</b> signaled</span>
      <span><b class="wait">&#9608;</b> waiting</span>
      <span><b class="signaled">&#9644;</b> ready</span>
      <span><b class="wiped">&#9616;</b> timed out</span>
      <span id="stopped" hidden><b class="stopped">&#9644;</b> stopped</span>
      <span><b class="edge">&#10230;</b> wakes (dashed: inferred)</span>
    </span>
  </div>
</header>
<div id="stage">
  <canvas id="canvas" tabindex="0" role="application"
    aria-label="Timeline of objects and threads. ${KEY_WORDS}. The same data is in the tables below."></canvas>
  <div id="height"></div>
</div>
<div id="detail" role="status" aria-live="polite"></div>
<details id="statistics-details"><summary>Counts and latencies of the range</summary><div id="statistics" class="panel"></div></details>
<details id="compare-details" hidden><summary>Two runs compared</summary><div id="compare" class="panel"></div></details>
<details id="table-details"><summary>The same as a table</summary><div id="table" class="panel"></div></details>
`;
