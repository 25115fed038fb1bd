/** A condition that was not understood. column: 1 = its first character. */
export class ConditionError extends Error {
  constructor(
    message: string,
    readonly column: number,
  ) {
    super(`Condition, column ${column}: ${message}`);
    this.name = 'ConditionError';
  }
}
