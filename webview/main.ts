/** Entry of the page's bundle: reads the embedded data and starts the timeline. */
import { counted, duration } from '../trace/wording.js';
import { Timeline, element } from './timeline.js';
import { VIEW_DATA_VERSION, type ViewData } from './view-data.js';

function start(): void {
  const data = JSON.parse(element('data', HTMLScriptElement).textContent) as ViewData;
  if (data.version !== VIEW_DATA_VERSION) throw new Error(`This page cannot draw data of version ${data.version}.`);
  element('title', HTMLElement).textContent = `${data.title} on ${data.target}`;
  const wakes = data.edges.to.length;
  const gaps = data.gaps.length === 0 ? '' : `, ${counted(data.gaps.length, 'gap')}`;
  const runs = data.runs.length === 0 ? '' : `${counted(data.runs.length, 'run')}, `;
  element('summary', HTMLElement).textContent =
    `${runs}${counted(data.objects.length, 'object')}, ${counted(data.threads.length, 'thread')}, ${counted(wakes, 'wake')} in ${duration(data.end)}${gaps}`;
  new Timeline(data);
}

try {
  start();
} catch (error) {
  document.body.textContent = `The timeline cannot be shown: ${error instanceof Error ? error.message : String(error)}`;
}
