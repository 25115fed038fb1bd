export type Purpose = 'demo' | 'test' | 'bench';
export interface MissingPackage {
  readonly name: string;
  readonly why: string;
}
export function hasDpkg(): boolean;
export function missingPackages(purpose: Purpose): MissingPackage[];
export function installCommand(names: readonly string[]): string;
