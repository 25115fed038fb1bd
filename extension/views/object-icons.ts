/** An icon per type of the object manager, and one per state where it has a state. Names are VS Code's own icons. */
import { isUnavailable } from '../../target/object-text.js';
import type { QueriedObject } from '../../target/objects.js';

// Not 'folder' and 'file': those are drawn by the theme of file icons, which may have none.
const ICONS: Readonly<Record<string, string>> = {
  ALPC: 'plug',
  'ALPC Port': 'plug',
  Callback: 'call-incoming',
  Desktop: 'window',
  Device: 'circuit-board',
  Directory: 'folder-opened',
  Driver: 'extensions',
  Event: 'bell',
  File: 'symbol-file',
  FilterConnectionPort: 'filter',
  Job: 'briefcase',
  Key: 'key',
  KeyedEvent: 'symbol-key',
  Mutant: 'lock',
  Partition: 'pie-chart',
  Section: 'database',
  Semaphore: 'layers',
  Session: 'account',
  SymbolicLink: 'link',
  Timer: 'watch',
  Type: 'symbol-class',
  WindowStation: 'device-desktop',
};

export interface ObjectIcon {
  readonly icon: string;
  /** Of a theme; never the only sign: the text says the same. */
  readonly color?: string;
}

const SIGNALED = 'charts.green';
const WARNING = 'list.warningForeground';

export function objectIcon(typeName: string, object: QueriedObject | undefined): ObjectIcon {
  if (object !== undefined && 'status' in object) return { icon: ICONS[typeName] ?? 'symbol-misc', color: WARNING };
  const state = object?.state;
  if (state === undefined || isUnavailable(state)) return { icon: ICONS[typeName] ?? 'symbol-misc' };
  switch (state.type) {
    case 'Event':
      return state.signaled ? { icon: 'bell-dot', color: SIGNALED } : { icon: 'bell' };
    case 'Semaphore':
      return state.count > 0 ? { icon: 'layers-active', color: SIGNALED } : { icon: 'layers' };
    case 'Mutant':
      return state.count > 0 ? { icon: 'unlock', color: SIGNALED } : { icon: 'lock' };
    case 'Timer':
      return state.signaled ? { icon: 'watch', color: SIGNALED } : { icon: 'watch' };
  }
}
