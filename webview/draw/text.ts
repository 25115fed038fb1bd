/** Text cut to a width. What was measured once is remembered: labels are drawn in every frame. */
import type { Pen } from './scene.js';

const fitted = new Map<string, string>();
const MOST_REMEMBERED = 20_000;

/** Cut at its end, with an ellipsis. */
export const fitText = (pen: Pen, text: string, width: number): string =>
  remembered(pen, 'end', text, width, (length) => `${text.slice(0, length)}…`);

/** Cut at its beginning: a path's end tells more. */
export const fitStart = (pen: Pen, text: string, width: number): string =>
  remembered(pen, 'start', text, width, (length) => `…${text.slice(-length)}`);

function remembered(pen: Pen, side: string, text: string, width: number, cut: (length: number) => string): string {
  // Pixels of a part do not matter, and a width that changes in every frame would fill the memory.
  const room = Math.floor(width / 4) * 4;
  const key = `${side} ${room} ${pen.font} ${text}`;
  const known = fitted.get(key);
  if (known !== undefined) return known;
  if (fitted.size >= MOST_REMEMBERED) fitted.clear();
  const made = fit(pen, text, room, cut);
  fitted.set(key, made);
  return made;
}

function fit(pen: Pen, text: string, width: number, cut: (length: number) => string): string {
  if (pen.measureText(text).width <= width) return text;
  let low = 1;
  let high = Math.max(1, text.length - 1);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (pen.measureText(cut(middle)).width <= width) low = middle;
    else high = middle - 1;
  }
  return cut(low);
}
