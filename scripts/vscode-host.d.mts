export const vscodeHost: { readonly node: string; readonly entry: string };
export function installVscodeHost(say: (line: string) => void): boolean;
