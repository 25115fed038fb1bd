/** Colours for the canvas, from the page's custom properties. */
export interface Theme {
  readonly background: string;
  readonly foreground: string;
  readonly faint: string;
  readonly line: string;
  readonly stripe: string;
  readonly signaled: string;
  readonly signal: string;
  readonly reset: string;
  readonly wiped: string;
  readonly wait: string;
  /** Text on the colour of a wait. */
  readonly onWait: string;
  readonly edge: string;
  readonly focus: string;
  readonly font: string;
}

export function readTheme(): Theme {
  // VS Code sets its variables on the root, and the body's class tells the kind of theme.
  const style = getComputedStyle(document.body);
  const colour = (name: string): string => style.getPropertyValue(`--es-${name}`).trim();
  return {
    background: colour('background'),
    foreground: colour('foreground'),
    faint: colour('faint'),
    line: colour('line'),
    stripe: colour('stripe'),
    signaled: colour('signaled'),
    signal: colour('signal'),
    reset: colour('reset'),
    wiped: colour('wiped'),
    wait: colour('wait'),
    onWait: colour('on-wait'),
    edge: colour('edge'),
    focus: colour('focus'),
    font: style.fontFamily,
  };
}
