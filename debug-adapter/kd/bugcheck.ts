/** A crash, as the kernel prints it before it breaks in: `*** Fatal System Error: 0x000000d1` and its four parameters. */
const HEADLINE =
  /\*\*\* Fatal System Error: 0x([0-9a-f]{8})\s*(?:\(0x([0-9a-f]+),0x([0-9a-f]+),0x([0-9a-f]+),0x([0-9a-f]+)\))?/i;
const KEPT = 2_048;

export interface Bugcheck {
  readonly code: number;
  readonly parameters: readonly bigint[];
}

/** Watches the text of DbgPrint, which may cut the message anywhere. */
export class BugcheckWatch {
  #text = '';

  print(text: string): void {
    this.#text = (this.#text + text).slice(-KEPT);
  }

  /** Whether there is something to take. */
  get pending(): boolean {
    return HEADLINE.test(this.#text);
  }

  /** What was announced since it was last asked. */
  take(): Bugcheck | undefined {
    const match = HEADLINE.exec(this.#text);
    if (match?.[1] === undefined) return undefined;
    this.#text = '';
    const parameters = match
      .slice(2)
      .flatMap((text: string | undefined) => (text === undefined ? [] : [BigInt(`0x${text}`)]));
    return { code: parseInt(match[1], 16), parameters };
  }
}
