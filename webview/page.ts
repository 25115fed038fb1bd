/** Markup and style of the timeline's page. Colours are VS Code's where it gives them. */
export const pageStyle = `
:root {
  --es-background: var(--vscode-editor-background, #ffffff);
  --es-foreground: var(--vscode-foreground, #24292f);
  --es-faint: var(--vscode-descriptionForeground, #626b76);
  --es-line: var(--vscode-editorWidget-border, #d6dbe1);
  --es-stripe: var(--vscode-sideBar-background, #f5f7f9);
  --es-signaled: var(--vscode-charts-green, #2f8f4e);
  --es-signal: var(--vscode-charts-blue, #0b62c4);
  --es-reset: var(--vscode-charts-orange, #b35900);
  --es-wiped: var(--vscode-charts-red, #c62828);
  --es-wait: var(--vscode-charts-yellow, #c9a227);
  --es-edge: var(--vscode-charts-purple, #7b3fb5);
  --es-focus: var(--vscode-focusBorder, #0b62c4);
  color-scheme: light dark;
}
@media (prefers-color-scheme: dark) {
  :root {
    --es-background: var(--vscode-editor-background, #1b1f24);
    --es-foreground: var(--vscode-foreground, #e2e6ea);
    --es-faint: var(--vscode-descriptionForeground, #9aa4ae);
    --es-line: var(--vscode-editorWidget-border, #3a424b);
    --es-stripe: var(--vscode-sideBar-background, #22272e);
    --es-signaled: var(--vscode-charts-green, #57b36d);
    --es-signal: var(--vscode-charts-blue, #58a6ff);
    --es-reset: var(--vscode-charts-orange, #f0a04b);
    --es-wiped: var(--vscode-charts-red, #ff6b63);
    --es-wait: var(--vscode-charts-yellow, #d9b64c);
    --es-edge: var(--vscode-charts-purple, #c594f0);
    --es-focus: var(--vscode-focusBorder, #58a6ff);
  }
}
* { box-sizing: border-box; }
html, body { height: 100%; margin: 0; }
body {
  display: flex; flex-direction: column; background: var(--es-background); color: var(--es-foreground);
  font: 13px/1.4 var(--vscode-font-family, system-ui, 'Segoe UI', sans-serif);
}
header { padding: 10px 14px 6px; border-bottom: 1px solid var(--es-line); }
h1 { font-size: 15px; font-weight: 600; margin: 0; display: inline; }
#summary { color: var(--es-faint); margin-left: 10px; }
.bar { display: flex; flex-wrap: wrap; gap: 6px 14px; align-items: center; margin-top: 6px; }
.bar button, .bar input, .bar select, #table button {
  font: inherit; color: inherit; background: var(--es-stripe); border: 1px solid var(--es-line); border-radius: 4px; padding: 2px 9px;
}
.bar :focus-visible, #table button:focus-visible, canvas:focus-visible, summary:focus-visible {
  outline: 2px solid var(--es-focus); outline-offset: -2px;
}
#filter { width: 17em; } #runs { max-width: 34em; }
#table button { margin: 8px 14px; }
#legend { color: var(--es-faint); display: flex; flex-wrap: wrap; gap: 2px 14px; }
#legend b { font-weight: 400; display: inline-block; min-width: 14px; text-align: center; }
.signal { color: var(--es-signal); } .reset { color: var(--es-reset); } .wiped { color: var(--es-wiped); }
.wait { color: var(--es-wait); } .edge { color: var(--es-edge); } .signaled { color: var(--es-signaled); }
#stage { position: relative; flex: 1 1 auto; min-height: 160px; overflow-x: hidden; overflow-y: auto; }
canvas { display: block; position: sticky; top: 0; touch-action: none; cursor: crosshair; }
#height { width: 1px; position: absolute; top: 0; left: 0; visibility: hidden; }
#detail {
  min-height: 46px; padding: 6px 14px; border-top: 1px solid var(--es-line); background: var(--es-stripe);
  white-space: pre-wrap; font-variant-numeric: tabular-nums;
}
#detail strong { font-weight: 600; }
details { border-top: 1px solid var(--es-line); flex: 0 1 auto; overflow: auto; max-height: 45vh; }
summary { padding: 5px 14px; cursor: pointer; color: var(--es-faint); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 2px 14px; border-bottom: 1px solid var(--es-line); vertical-align: top; }
th { position: sticky; top: 0; background: var(--es-background); font-weight: 600; }
td.number { text-align: right; white-space: nowrap; }
`;

export const pageBody = `
<header>
  <h1 id="title"></h1><span id="summary"></span>
  <div class="bar">
    <button type="button" id="fit" title="Show all (0)">Show all</button>
    <button type="button" id="in" title="Zoom in (W or wheel)" aria-label="Zoom in">+</button>
    <button type="button" id="out" title="Zoom out (S or wheel)" aria-label="Zoom out">&minus;</button>
    <select id="runs" aria-label="Run" title="Run" hidden></select>
    <input id="filter" type="search" placeholder="Filter objects and threads" aria-label="Filter objects and threads">
    <span id="legend">
      <span><b class="signal">&#9650;</b> set</span>
      <span><b class="signal">&#9651;</b> coalesced</span>
      <span><b class="reset">&#9660;</b> reset</span>
      <span><b class="wiped">&#10005;</b> wiped</span>
      <span><b class="signal">&#9670;</b> pulse</span>
      <span><b class="signaled">&#9608;</b> signaled</span>
      <span><b class="wait">&#9608;</b> waiting</span>
      <span><b class="wiped">&#9616;</b> timed out</span>
      <span><b class="edge">&#10230;</b> wakes (dashed: inferred)</span>
    </span>
  </div>
</header>
<div id="stage">
  <canvas id="canvas" tabindex="0" role="application"
    aria-label="Timeline of objects and threads. W and S zoom, A and D pan, left and right arrow step along the selected lane, up and down arrow change the lane, F follows a wake, T shows timers and objects without waits. The same data is in the table below."></canvas>
  <div id="height"></div>
</div>
<div id="detail" role="status" aria-live="polite"></div>
<details id="table-details"><summary>The same as a table</summary><div id="table"></div></details>
`;
