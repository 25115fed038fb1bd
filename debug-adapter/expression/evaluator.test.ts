import assert from 'node:assert/strict';
import { MemoryImage, record } from '../variables/memory-image.js';
import { arrayOf, basicType, findField, pointerTo, VOID, type CType, type RecordType } from '../variables/types.js';
import { bytesOfInteger, readFloat, readInteger, type Value } from '../variables/value.js';
import { ExpressionError } from './error.js';
import { assign, evaluate, evaluateCondition, type Scope } from './evaluator.js';

const BASE = 0x1_0000n;
const type = (name: string): CType => basicType(name) ?? assert.fail(name);
const at = (value: CType, address: bigint): Value => ({ type: value, location: { kind: 'memory', address } });

const LIST: RecordType = record('_LIST_ENTRY', 16, [
  ['Flink', pointerTo(VOID), 0],
  ['Blink', pointerTo(VOID), 8],
]);
const NODE: RecordType = {
  kind: 'record',
  name: '_NODE',
  size: 64,
  fields: () =>
    Promise.resolve([
      { name: 'Id', type: type('ULONG'), offset: 0 },
      { name: 'Bits', type: type('ULONG'), offset: 4, bits: { position: 3, width: 5 } },
      { name: 'Link', type: LIST, offset: 8 },
      { name: 'Next', type: pointerTo(NODE), offset: 24 },
      { name: '', type: record('<unnamed-tag>', 8, [['Inner', type('LONG'), 4]]), offset: 32 },
      { name: 'Data', type: arrayOf(type('USHORT'), 4), offset: 40 },
    ]),
};

class TestScope implements Scope {
  readonly memory = new MemoryImage(BASE, 0x1000);
  readonly rax = bytesOfInteger(0x1122_3344_5566_7788n, 8);
  readonly registers = {
    read: (name: string) => (name === 'rax' ? this.rax : undefined),
    write: (name: string, data: Uint8Array) => {
      assert.equal(name, 'rax');
      this.rax.set(data);
      return Promise.resolve();
    },
  };
  readonly #names: Readonly<Record<string, Value>> = {
    node: at(NODE, BASE),
    p: { type: pointerTo(NODE), location: { kind: 'bytes', data: bytesOfInteger(BASE, 8) } },
    i: at(type('int'), BASE + 0x100n),
    u: at(type('unsigned int'), BASE + 0x104n),
    f: at(type('double'), BASE + 0x108n),
    gone: { type: type('int'), location: { kind: 'unavailable', why: 'optimized away' } },
  };
  constructor() {
    this.memory
      .u32(BASE, 7)
      .u32(BASE + 4n, 0b1010_1000)
      .u64(BASE + 24n, BASE + 64n)
      .u32(BASE + 64n, 8);
    this.memory.u32(BASE + 36n, -5).u16(BASE + 44n, 0xbeef);
    this.memory.u32(BASE + 0x100n, -2).u32(BASE + 0x104n, 1);
  }
  variable(name: string): Promise<Value | undefined> {
    return Promise.resolve(this.#names[name]);
  }
  symbol(module: string, name: string): Promise<Value | undefined> {
    return Promise.resolve(module === 'nt' && name === 'Global' ? at(type('ULONG'), BASE + 64n) : undefined);
  }
  register(name: string): Promise<Value | undefined> {
    const location = { kind: 'register', name, offset: 0 } as const;
    return Promise.resolve(name === 'rax' ? { type: type('ULONG64'), location } : undefined);
  }
  type(name: string): Promise<CType | undefined> {
    return Promise.resolve(['NODE', '_NODE', 'struct _NODE'].includes(name) ? NODE : undefined);
  }
}

async function number(text: string, scope = new TestScope()): Promise<bigint> {
  return readInteger((await evaluate(text, scope)).value, scope);
}
async function refused(text: string, scope = new TestScope()): Promise<ExpressionError> {
  try {
    await evaluate(text, scope);
  } catch (error) {
    assert.ok(error instanceof ExpressionError, String(error));
    return error;
  }
  return assert.fail(`${text} was taken`);
}

describe('C expressions', () => {
  const cases: readonly (readonly [string, bigint])[] = [
    ['1 + 2 * 3', 7n],
    ['(1 + 2) * 3', 9n],
    ['0x10 | 3', 0x13n],
    ['010', 8n],
    ["'Tag1'", 0x54616731n],
    ['10 / 3 % 2', 1n],
    ['-7 / 2', -3n],
    ['1 << 4 >> 2', 4n],
    ['~0', -1n],
    ['~0u', 0xffff_ffffn],
    ['!0 && 2', 1n],
    ['0 || 0', 0n],
    ['1 ? 2 : 3 ? 4 : 5', 2n],
    ['2147483647 + 1', -2147483648n],
    ['2147483647u + 1', 2147483648n],
    ['4294967295 + 1', 4294967296n],
    ['node.Id', 7n],
    ['p->Id', 7n],
    ['p->Next->Id', 8n],
    ['p.Id', 7n],
    ['(*p).Id', 7n],
    ['p[1].Id', 8n],
    ['(p + 1)->Id', 8n],
    ['(p + 1) - p', 1n],
    ['&p[1] == p->Next', 1n],
    ['node.Inner', -5n],
    ['node.Bits', 0b10101n],
    ['node.Data[2]', 0xbeefn],
    ['*(unsigned short *)((char *)p + 44)', 0xbeefn],
    ['(unsigned char)0x1234', 0x34n],
    ['(char)0xff', -1n],
    ['(NODE*)0x10000 == p', 1n],
    ['((struct _NODE *)p)->Id', 7n],
    ['sizeof(NODE)', 64n],
    ['sizeof node.Data', 8n],
    ['sizeof(ULONG_PTR)', 8n],
    ['sizeof(i)', 4n],
    ['offsetof(NODE, Link.Blink)', 16n],
    ['CONTAINING_RECORD(&p->Link, NODE, Link)->Id', 7n],
    ['@rax', 0x1122_3344_5566_7788n],
    ['@rax >> 32', 0x1122_3344n],
    ['nt!Global', 8n],
    ['i', -2n],
    ['i < 0', 1n],
    // The usual arithmetic conversions: int meets unsigned int.
    ['i < u', 0n],
    ['u!=2', 1n],
    ['1.5 + 1 > 2', 1n],
    ['(int)2.9', 2n],
    ["L'ä'", 0xe4n],
  ];
  for (const [text, expected] of cases) {
    it(text, async () => assert.equal(await number(text), expected));
  }

  it('computes with floating point', async () => {
    const scope = new TestScope();
    assert.equal(await readFloat((await evaluate('3 / 2.0', scope)).value, scope), 1.5);
  });

  it('takes a format after a comma', async () => {
    const scope = new TestScope();
    assert.deepEqual((await evaluate('i,x', scope)).format, { radix: 'hex' });
    assert.deepEqual((await evaluate('node.Data, 2', scope)).value.type.size, 4);
  });

  const errors: readonly (readonly [string, number, RegExp])[] = [
    ['node.', 6, /member's name was expected/],
    ['1 +', 4, /ends too early/],
    ['1 + )', 5, /"\)" was not expected/],
    ['(1 + 2', 7, /"\)" is missing/],
    ['nowhere + 1', 1, /nothing here is named nowhere/],
    ['node.Nothing', 6, /_NODE has no member Nothing/],
    ['1 / 0', 3, /division by zero/],
    ['i->Id', 1, /int is not a pointer/],
    ['f()', 2, /cannot be called/],
    ['(NOTHING*)p', 2, /no type NOTHING/],
    ['i # 2', 3, /"#"/],
    ['0x1ffffffffffffffff', 1, /64 bits/],
    ['i = 5', 3, /assignment is not allowed/],
    ['@xyz', 1, /no register xyz/],
    ['nt!Missing', 1, /nt!Missing/],
    ['*(void*)p', 1, /void\*/],
    ['i++', 2, /not supported/],
    ['1 << 99', 3, /too wide/],
  ];
  for (const [text, column, message] of errors) {
    it(`refuses ${text} at column ${column}`, async () => {
      const error = await refused(text);
      assert.equal(error.column, column);
      assert.match(error.why ?? '', message);
    });
  }

  it('refuses what is nested without end', async () => {
    await refused('('.repeat(1_000) + '1' + ')'.repeat(1_000));
    await refused('-'.repeat(3_000) + '1');
  });

  it('says why a value cannot be had', async () => {
    await assert.rejects(number('gone + 1'), /optimized away/);
    await assert.rejects(number('*(int*)0x10'), /memory at 0x10 is not readable/);
  });

  it('assigns where it is allowed, and only there', async () => {
    const scope = new TestScope();
    const options = { allowAssignment: true };
    assert.ok((await evaluate('node.Id = 0x55', scope, options)).assigned);
    assert.equal(await number('p->Id', scope), 0x55n);
    await evaluate('i += 10', scope, options);
    assert.equal(await number('i', scope), 8n);
    await evaluate('node.Bits = 3', scope, options);
    assert.equal(await number('node.Bits', scope), 3n);
    assert.equal(await number('*(ULONG*)((char*)p + 4)', scope), 0x18n);
    await evaluate('@rax = 1', scope, options);
    assert.equal(await number('@rax', scope), 1n);
    await evaluate('f = 1.5', scope, options);
    assert.equal(await number('f == 1.5', scope), 1n);
    assert.equal((await evaluate('i == 8', scope, options)).assigned, false);
  });

  it('sets a variable from an expression', async () => {
    const scope = new TestScope();
    const field = (await findField(NODE, 'Id')) ?? assert.fail();
    await assign(at(field.type, BASE), 'i + 0x10', scope);
    assert.equal(await number('node.Id', scope), 14n);
    await assert.rejects(assign(at(NODE, BASE), '5', scope), /cannot be assigned/);
  });

  it('decides conditions', async () => {
    assert.equal(await evaluateCondition('p && p->Id == 7', new TestScope()), true);
    assert.equal(await evaluateCondition('node.Id > 7', new TestScope()), false);
  });
});
