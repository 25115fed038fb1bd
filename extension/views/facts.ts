/** What views of facts show: a name, its value, and facts below it. Free of VS Code, so that what is shown can be tested without it. */
export interface Fact {
  /** Stable over refreshes, so that what is expanded stays so. */
  readonly id: string;
  readonly label: string;
  readonly value?: string;
  readonly tooltip?: string;
  /** Name of one of VS Code's icons. */
  readonly icon: string;
  /** Words for the menus' when-clauses. */
  readonly context?: string;
  readonly children?: readonly Fact[];
  readonly expanded?: boolean;
  /** An object of the namespace that the fact is about: its menu works on it. */
  readonly object?: { readonly name: string; readonly typeName: string; readonly path: string };
}

/** What a target cannot tell, and why. */
export const unavailableFact = (id: string, label: string, icon: string, why: string): Fact => ({
  id,
  label,
  icon,
  value: 'not available on this target',
  tooltip: `${label} is not available on this target: ${why}`,
});

export const describeFact = ({ label, value }: Fact): string => (value === undefined ? label : `${label}: ${value}`);
