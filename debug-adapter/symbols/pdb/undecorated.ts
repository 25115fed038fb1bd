/**
 * The readable part of a decorated C++ name, qualified and without parameters: "?f@C@@QEAAXXZ" is "C::f". Names that need more than
 * that (templates, operators) stay as they are: private symbols say them in full.
 */
export function undecorated(name: string): string {
  const simple = /^\?([A-Za-z_]\w*(?:@[A-Za-z_]\w*)*)@@/.exec(name);
  return simple?.[1] === undefined ? name : simple[1].split('@').reverse().join('::');
}
