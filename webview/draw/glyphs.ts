/** The signs of transitions. Form tells as much as colour: full or hollow, up or down, crossed. */
import { Transition } from '../../trace/model/transitions.js';
import type { Theme } from '../theme.js';
import type { Pen } from './scene.js';

/** Around (x, y), 10 pixels wide. */
export function drawGlyph(pen: Pen, theme: Theme, kind: number, x: number, y: number): void {
  pen.lineWidth = 1.5;
  switch (kind as Transition) {
    case Transition.Set:
    case Transition.Complete:
    case Transition.Release:
    case Transition.Expire:
      triangle(pen, x, y, 5, theme.signal, true);
      break;
    case Transition.CoalescedSet:
      triangle(pen, x, y, 5, theme.signal, false);
      break;
    case Transition.Reset:
    case Transition.Clear:
      triangle(pen, x, y, -5, theme.reset, true);
      break;
    case Transition.Wipe:
      cross(pen, x, y, 5, theme.wiped);
      break;
    case Transition.Pulse:
      diamond(pen, x, y, 5, theme.signal, true);
      break;
    case Transition.MissedPulse:
      diamond(pen, x, y, 5, theme.wiped, false);
      break;
    case Transition.Take:
      pen.fillStyle = theme.signaled;
      pen.fillRect(x - 0.75, y + 7, 1.5, 16);
      break;
    case Transition.Create:
    case Transition.Open:
    case Transition.Reference:
    case Transition.Dereference:
    case Transition.Duplicate:
    case Transition.Close:
      pen.fillStyle = theme.faint;
      pen.beginPath();
      pen.arc(x, y, 2.25, 0, Math.PI * 2);
      pen.fill();
      break;
  }
}

/** Points up with a positive size, down with a negative one. */
function triangle(pen: Pen, x: number, y: number, size: number, colour: string, full: boolean): void {
  const half = Math.abs(size);
  pen.beginPath();
  pen.moveTo(x, y - size);
  pen.lineTo(x + half, y + size);
  pen.lineTo(x - half, y + size);
  pen.closePath();
  paint(pen, colour, full);
}

function diamond(pen: Pen, x: number, y: number, size: number, colour: string, full: boolean): void {
  pen.beginPath();
  pen.moveTo(x, y - size);
  pen.lineTo(x + size, y);
  pen.lineTo(x, y + size);
  pen.lineTo(x - size, y);
  pen.closePath();
  paint(pen, colour, full);
}

function paint(pen: Pen, colour: string, full: boolean): void {
  pen.fillStyle = colour;
  pen.strokeStyle = colour;
  if (full) pen.fill();
  else pen.stroke();
}

function cross(pen: Pen, x: number, y: number, size: number, colour: string): void {
  pen.strokeStyle = colour;
  pen.lineWidth = 2.25;
  pen.beginPath();
  pen.moveTo(x - size, y - size);
  pen.lineTo(x + size, y + size);
  pen.moveTo(x + size, y - size);
  pen.lineTo(x - size, y + size);
  pen.stroke();
}
