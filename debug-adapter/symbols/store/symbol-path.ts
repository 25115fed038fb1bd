/** The syntax of _NT_SYMBOL_PATH ("Symbol path for Windows debuggers", Microsoft Learn), which the setting symbolPath shares. */

export type SymbolPathElement =
  /** A folder with PDBs in it. */
  | { readonly kind: 'folder'; readonly folder: string }
  /** Stores, the nearest first: what is found in a farther one is copied into those before. The last may be an http(s) address. */
  | { readonly kind: 'server'; readonly stores: readonly string[] }
  /** What elements behind this one find is copied there. */
  | { readonly kind: 'cache'; readonly folder: string };

export const isWebAddress = (store: string): boolean => /^https?:\/\//i.test(store);

/** @param defaultStore where an empty store of a srv* chain is. */
export function parseSymbolPath(path: string, defaultStore: string): readonly SymbolPathElement[] {
  return path
    .split(';')
    .map((element) => element.trim())
    .filter((element) => element !== '')
    .map((element) => parseElement(element, defaultStore));
}

function parseElement(element: string, defaultStore: string): SymbolPathElement {
  const [head = '', ...rest] = element.split('*');
  const orDefault = (store: string | undefined): string => store || defaultStore;
  switch (rest.length === 0 ? '' : head.toLowerCase()) {
    case 'srv':
      return { kind: 'server', stores: rest.map(orDefault) };
    case 'symsrv':
      // The second part names the library that Microsoft's debuggers load.
      return { kind: 'server', stores: rest.slice(1).map(orDefault) };
    case 'cache':
      return { kind: 'cache', folder: orDefault(rest[0]) };
    default:
      return isWebAddress(element) ? { kind: 'server', stores: [element] } : { kind: 'folder', folder: element };
  }
}
