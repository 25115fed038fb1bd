export const PACKAGED_BUNDLES: string[];
/** Returns the path of the .vsix. */
export function makePackage(): string;
