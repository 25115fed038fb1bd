import { EventscopeError } from '../../protocol/errors.js';

/** An expression that cannot be read or computed; the message points at the column. */
export class ExpressionError extends EventscopeError {
  /** From 1. */
  readonly column: number;

  constructor(why: string, column: number, next?: string) {
    super({
      id: 'debug.expression',
      what: `Column ${column}`,
      why,
      ...(next === undefined ? {} : { next }),
      data: { column },
    });
    this.column = column;
  }
}
