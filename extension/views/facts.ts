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

/** Puts a text into the editor's language, values for {0}, {1} and so on: `vscode.l10n.t`, or English as it stands. */
export type Localize = (text: string, ...values: (string | number)[]) => string;

/** As it stands: where no editor is. */
export const inEnglish: Localize = (text, ...values) =>
  text.replace(/\{(\d+)\}/g, (placeholder, index: string) => String(values[Number(index)] ?? placeholder));

/** What a target cannot tell, and why. Label and reason are in the editor's language already. */
export const unavailableFact = (t: Localize, id: string, label: string, icon: string, why: string): Fact => ({
  id,
  label,
  icon,
  value: t('not available on this target'),
  tooltip: t('{0} is not available on this target: {1}', label, why),
});

export const describeFact = ({ label, value }: Fact): string => (value === undefined ? label : `${label}: ${value}`);
