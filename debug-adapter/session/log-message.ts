/** Messages of log points: text with expressions in braces; `{{` and `}}` are braces. */
import { parseExpression } from '../expression/parser.js';
import { ExpressionError } from '../expression/error.js';

export type LogPart =
  { readonly kind: 'text'; readonly text: string } | { readonly kind: 'expression'; readonly text: string };

/** @throws ExpressionError with the column in the message */
export function parseLogMessage(message: string): readonly LogPart[] {
  const parts: LogPart[] = [];
  let text = '';
  for (let at = 0; at < message.length; at += 1) {
    const two = message.slice(at, at + 2);
    if (two === '{{' || two === '}}') {
      text += two.slice(1);
      at += 1;
    } else if (message[at] === '{') {
      const end = message.indexOf('}', at);
      if (end < 0) throw new ExpressionError('"}" is missing', at + 1);
      const expression = message.slice(at + 1, end);
      try {
        parseExpression(expression);
      } catch (error) {
        if (!(error instanceof ExpressionError)) throw error;
        throw new ExpressionError(error.why ?? 'not an expression', at + 1 + error.column);
      }
      if (text !== '') parts.push({ kind: 'text', text });
      text = '';
      parts.push({ kind: 'expression', text: expression });
      at = end;
    } else {
      text += message[at] ?? '';
    }
  }
  if (text !== '') parts.push({ kind: 'text', text });
  return parts;
}
