import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  ConditionError,
  evaluateCondition,
  FIELDS,
  fieldsOf,
  INFINITE_TIMEOUT,
  parseFilter,
  passes,
  receiveFilter,
  type Condition,
  type ConditionField,
  type FieldValue,
} from './conditions.js';

type Hit = Partial<Record<ConditionField, FieldValue>>;

const decide = (text: string, hit: Hit): boolean | undefined =>
  evaluateCondition(parseFilter(text).condition, (field) => hit[field]);

const failure = (text: string): ConditionError => {
  try {
    parseFilter(text);
  } catch (error) {
    assert.ok(error instanceof ConditionError);
    return error;
  }
  return assert.fail(`${text} was understood`);
};

describe('conditions', () => {
  const hit: Hit = {
    ...{ event: '\\BaseNamedObjects\\SharedEvent', side: 'kernel', 'thread.name': 'Timer DPC', 'thread.id': 36 },
    ...{ address: 0xffff_9876_5432_1000n, status: 0x102, timeout: 250, hits: 7, 'process.name': 'EventApp.exe' },
  };

  it('decides what the documentation shows', () => {
    const text = String.raw`event == "\\BaseNamedObjects\\SharedEvent" && side == kernel && thread.name ~ "dpc"`;
    assert.equal(decide(text, hit), true);
    assert.equal(decide(text, { ...hit, side: 'user' }), false);
    assert.equal(decide(text, { ...hit, 'thread.name': 'worker' }), false);
  });

  it('takes a path with single and with double backslashes, and a last component', () => {
    assert.equal(decide(String.raw`event == "\BaseNamedObjects\SharedEvent"`, hit), true);
    assert.equal(decide(String.raw`event == '\\BaseNamedObjects\\SharedEvent'`, hit), true);
    assert.equal(decide('event == "SharedEvent"', hit), true);
    assert.equal(decide('event == "sharedevent"', hit), false, 'names of objects have a case');
    assert.equal(decide('event == "Event"', hit), false);
  });

  it('compares numbers of 64 bits, statuses by name, and times', () => {
    assert.equal(decide('address == 0xffff987654321000', hit), true);
    assert.equal(decide('address == 0xffff987654321001', hit), false);
    assert.equal(decide('status == STATUS_TIMEOUT', hit), true);
    assert.equal(decide('status == STATUS_ABANDONED_WAIT_3', { status: 0x83 }), true);
    assert.equal(decide('status == -1073741790', { status: 0xc0000022 }), true);
    assert.equal(decide('timeout >= 250 && timeout < 251', hit), true);
    assert.equal(decide('timeout == infinite', { timeout: INFINITE_TIMEOUT }), true);
    assert.equal(decide('timeout > 1000', { timeout: INFINITE_TIMEOUT }), true);
    assert.equal(decide('hits > 6 && hits <= 7 && hits != 8', hit), true);
  });

  it('binds && before ||, and ! before both', () => {
    assert.equal(decide('hits == 7 || hits == 8 && hits == 9', hit), true);
    assert.equal(decide('(hits == 7 || hits == 8) && hits == 9', hit), false);
    assert.equal(decide('!hits == 7', hit), false);
    assert.equal(decide('!(hits == 8) && !!(hits == 7)', hit), true);
  });

  it('matches by pattern without regard to case', () => {
    assert.equal(decide('process.name == eventapp.exe', hit), true);
    assert.equal(decide('thread.name ~ "T*C"', hit), true);
    assert.equal(decide('thread.name ~ "timer?dpc"', hit), true);
    assert.equal(decide('thread.name !~ "worker"', hit), true);
    assert.equal(decide('thread.name ~ ""', hit), true);
    assert.equal(decide('thread.name ~ "["', hit), false, 'no regular expression');
  });

  it('leaves open what is not known, and lets such a hit pass', () => {
    assert.equal(decide('previous == 0', hit), undefined);
    assert.equal(decide('!(previous == 0)', hit), undefined);
    assert.equal(decide('previous == 0 && side == user', hit), false);
    assert.equal(decide('previous == 0 || side == kernel', hit), true);
    assert.equal(decide('previous == 0 && side == kernel', hit), undefined);
    const filter = parseFilter('previous == 0');
    assert.equal(
      passes(filter, () => undefined),
      true,
    );
    assert.equal(
      passes(filter, () => 1),
      false,
    );
    assert.equal(
      passes(undefined, () => undefined),
      true,
    );
  });

  it('says where a condition is not understood', () => {
    const places: readonly (readonly [string, number, RegExp])[] = [
      ['', 1, /comparison is missing/],
      ['evnt == "X"', 1, /"evnt" is no field/],
      ['event = "X"', 7, /neither/],
      ['event == ', 10, /compared with a text/],
      ['event < "X"', 7, /is a text/],
      ['hits ~ 3', 6, /is a number/],
      ['hits == many', 9, /compared with a number/],
      ['hits == 3 hits == 4', 11, /not expected/],
      ['(hits == 3', 11, /\) is missing/],
      ['event == "X', 10, /does not end/],
      ['side == driver', 9, /kernel or user/],
      ['hits == 0x', 9, /neither|number/],
      ['status == STATUS_NO_SUCH_NAME', 11, /number/],
    ];
    for (const [text, column, message] of places) {
      const error = failure(text);
      assert.match(error.message, message, text);
      assert.equal(error.column, column, text);
    }
  });

  it('keeps its bounds on hostile texts', () => {
    assert.match(failure(`${'('.repeat(2_000)}hits == 1`).message, /nested deeper/);
    assert.match(failure(`${'!'.repeat(4_000)}hits == 1`).message, /nested deeper/);
    assert.match(failure(new Array(300).fill('hits == 1').join('||')).message, /more than 256/);
    assert.match(failure('x'.repeat(5_000)).message, /longer than/);
    assert.throws(() => receiveFilter({ condition: { kind: 'and' } }), ConditionError);
    assert.throws(() => receiveFilter('hits == 1'), ConditionError);
    assert.throws(() => receiveFilter({ text: 'x'.repeat(100_000) }), ConditionError);
    assert.deepEqual(receiveFilter({ text: 'hits == 1', condition: 'forged' }), parseFilter('hits == 1'));
  });

  it('tells which fields it asks for', () => {
    const { condition } = parseFilter('event == "X" && !(hits > 1 || thread.id == 4)');
    assert.deepEqual([...fieldsOf(condition)], ['event', 'hits', 'thread.id']);
  });

  it('understands or refuses any text, with a column in it', () => {
    const pieces = fc.constantFrom('event', '==', '"a', '"', '&&', '!', '(', ')', '~', '0x1f', 'hits', ' ', '\\', 'ä');
    const anything = fc.oneof(
      fc.string({ maxLength: 200 }),
      fc.array(pieces, { maxLength: 60 }).map((p) => p.join('')),
    );
    fc.assert(
      fc.property(anything, (text) => {
        try {
          const { condition } = parseFilter(text);
          assert.equal(JSON.stringify(JSON.parse(JSON.stringify(condition))), JSON.stringify(condition));
        } catch (error) {
          assert.ok(error instanceof ConditionError);
          assert.ok(error.column >= 1 && error.column <= text.length + 1);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('means what is written: a written condition is read as it was', () => {
    fc.assert(
      fc.property(conditions(3), (condition) => {
        assert.deepEqual(flat(parseFilter(write(condition)).condition), flat(condition));
      }),
      { numRuns: 500 },
    );
  });
});

const TEXT_FIELDS = (Object.keys(FIELDS) as ConditionField[]).filter(
  (field) => FIELDS[field].type === 'text' && field !== 'side',
);
const NUMBER_FIELDS = (Object.keys(FIELDS) as ConditionField[]).filter(
  (field) => FIELDS[field].type === 'number' && field !== 'status',
);

function conditions(depth: number): fc.Arbitrary<Condition> {
  const text = fc.record({
    kind: fc.constant('text' as const),
    field: fc.constantFrom(...TEXT_FIELDS),
    comparison: fc.constantFrom('==' as const, '!=' as const, '~' as const, '!~' as const),
    value: fc.string({ maxLength: 20 }),
  });
  const number = fc.record({
    kind: fc.constant('number' as const),
    field: fc.constantFrom(...NUMBER_FIELDS),
    comparison: fc.constantFrom('==' as const, '!=' as const, '<' as const, '<=' as const, '>' as const, '>=' as const),
    value: fc.bigInt({ min: -(1n << 63n), max: (1n << 64n) - 1n }).map(String),
  });
  if (depth === 0) return fc.oneof(text, number);
  const inner = conditions(depth - 1);
  return fc.oneof(
    text,
    number,
    inner.map((operand) => ({ kind: 'not' as const, operand })),
    fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const),
      operands: fc.array(inner, { minLength: 2, maxLength: 3 }),
    }),
  );
}

function write(condition: Condition): string {
  switch (condition.kind) {
    case 'and':
    case 'or':
      return `(${condition.operands.map(write).join(condition.kind === 'and' ? ' && ' : ' || ')})`;
    case 'not':
      return `!${write(condition.operand)}`;
    case 'text':
      return `${condition.field} ${condition.comparison} "${condition.value.replace(/[\\"]/g, String.raw`\$&`)}"`;
    case 'number':
      return `${condition.field} ${condition.comparison} ${condition.value}`;
  }
}

/** As JSON: key order and undefined fields aside. */
const flat = (condition: Condition): unknown => JSON.parse(JSON.stringify(condition));
