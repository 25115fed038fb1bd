/** Which lines of an output are shown. */

/** Lines that hold a text, or that match `/expression/`; undefined when the expression cannot be read. */
export function parseLineFilter(text: string): ((line: string) => boolean) | undefined {
  if (text === '') return () => true;
  const expression = /^\/(.+)\/(i?)$/.exec(text);
  if (expression === null) {
    const wanted = text.toLowerCase();
    return (line) => line.toLowerCase().includes(wanted);
  }
  try {
    const pattern = new RegExp(expression[1] ?? '', expression[2]);
    return (line) => pattern.test(line);
  } catch {
    return undefined;
  }
}
