export function bundle(names?: string[], options?: { force?: boolean }): Promise<string[]>;
