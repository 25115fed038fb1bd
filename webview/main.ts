/** Entry of the page's bundle: reads the embedded data and starts the timeline. */
import { duration } from '../trace/wording.js';
import { Timeline, element } from './timeline.js';
import { VIEW_DATA_VERSION, type ViewData } from './view-data.js';

function start(): void {
  const data = JSON.parse(element('data', HTMLScriptElement).textContent) as ViewData;
  if (data.version !== VIEW_DATA_VERSION) throw new Error(`This page cannot draw data of version ${data.version}.`);
  element('title', HTMLElement).textContent = `${data.title} on ${data.target}`;
  const signals = data.edges.to.length;
  const gaps = data.gaps.length === 0 ? '' : `, ${data.gaps.length} gaps`;
  element('summary', HTMLElement).textContent =
    `${data.objects.length} objects, ${data.threads.length} threads, ${signals} wakes in ${duration(data.end)}${gaps}`;
  new Timeline(data);
}

try {
  start();
} catch (error) {
  document.body.textContent = `The timeline cannot be shown: ${error instanceof Error ? error.message : String(error)}`;
}
