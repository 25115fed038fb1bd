/** Keys of the drawing, as they are told: to who asks with `?`, and to a screen reader. What they do is in input.ts. */
const KEYS: readonly (readonly [keys: string, what: string])[] = [
  ['W, S', 'zoom in and out'],
  ['A, D', 'pan'],
  ['0', 'show all'],
  ['Z', 'zoom to the marked range, or to the selection'],
  ['Left, Right', 'step along the selected lane'],
  ['Up, Down', 'change the lane'],
  ['F', 'follow a wake to its other end'],
  ['B', 'go back to what released it'],
  ['C', 'critical path'],
  ['M', 'mark the two ends of a range'],
  ['N, Shift+N', 'next and previous match of the filter'],
  ['/', 'filter'],
  ['P', 'pin the lane'],
  ['Alt+Up, Alt+Down', 'move the lane'],
  ['F2', 'name the lane'],
  ['G', 'fold the group of the lane, or unfold it'],
  ['Shift+G', 'unfold all groups'],
  ['T', 'timers and objects without waits'],
  ['X', 'cut stops out'],
  ['Enter, Shift+Enter', 'open the source, or beside'],
  ['O', 'show the object'],
  ['Escape', 'take the range, then the selection away'],
];

export const KEY_WORDS = KEYS.map(([keys, what]) => `${keys}: ${what}`).join('.  ');
