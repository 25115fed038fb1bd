/** What an expression says, before it is known what its names mean. Columns are from 1, of the part's most telling character. */

export interface TypeSyntax {
  /** Such as `unsigned long`, `KEVENT` or `struct _KEVENT`. */
  readonly name: string;
  readonly pointers: number;
  /** Array dimensions after the name, outermost first. */
  readonly dimensions: readonly number[];
  readonly column: number;
}

export type BinaryOperator =
  | '*' | '/' | '%' | '+' | '-' | '<<' | '>>' | '<' | '>' | '<=' | '>=' | '==' | '!=' | '&' | '^' | '|' | '&&' | '||'; // prettier-ignore
export type UnaryOperator = '-' | '+' | '!' | '~' | '*' | '&';

export type Expression =
  | { readonly kind: 'name'; readonly name: string; readonly column: number }
  | { readonly kind: 'qualified'; readonly module: string; readonly name: string; readonly column: number }
  | { readonly kind: 'register'; readonly name: string; readonly column: number }
  | {
      readonly kind: 'integer';
      readonly value: bigint;
      readonly isUnsigned: boolean;
      readonly isLong: boolean;
      /** Decimal literals without a suffix stay signed. */
      readonly isDecimal: boolean;
      readonly column: number;
    }
  | { readonly kind: 'float'; readonly value: number; readonly column: number }
  | { readonly kind: 'character'; readonly value: bigint; readonly wide: boolean; readonly column: number }
  | { readonly kind: 'string'; readonly value: string; readonly wide: boolean; readonly column: number }
  | {
      readonly kind: 'member';
      readonly object: Expression;
      readonly name: string;
      readonly arrow: boolean;
      readonly column: number;
    }
  | { readonly kind: 'index'; readonly object: Expression; readonly index: Expression; readonly column: number }
  | { readonly kind: 'unary'; readonly operator: UnaryOperator; readonly operand: Expression; readonly column: number }
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
      readonly column: number;
    }
  | {
      readonly kind: 'conditional';
      readonly condition: Expression;
      readonly then: Expression;
      readonly otherwise: Expression;
      readonly column: number;
    }
  | { readonly kind: 'cast'; readonly type: TypeSyntax; readonly operand: Expression; readonly column: number }
  | { readonly kind: 'sizeofType'; readonly type: TypeSyntax; readonly column: number }
  | { readonly kind: 'sizeof'; readonly operand: Expression; readonly column: number }
  | { readonly kind: 'offsetof'; readonly type: TypeSyntax; readonly path: readonly string[]; readonly column: number }
  | {
      readonly kind: 'containingRecord';
      readonly pointer: Expression;
      readonly type: TypeSyntax;
      readonly path: readonly string[];
      readonly column: number;
    }
  | {
      readonly kind: 'assign';
      /** Undefined for `=`. */
      readonly operator: BinaryOperator | undefined;
      readonly target: Expression;
      readonly value: Expression;
      readonly column: number;
    };

/** How the result is to be shown, after a comma: `status,x`, `buffer,16`. */
export interface DisplayFormat {
  readonly radix?: 'hex' | 'decimal';
  /** Show a pointer as an array of so many elements. */
  readonly count?: number;
}

export interface ParsedExpression {
  readonly expression: Expression;
  readonly format: DisplayFormat;
}
