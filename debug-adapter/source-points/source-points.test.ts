import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Edit } from 'web-tree-sitter';
import { CSyntax } from './c-syntax.js';
import { isInstrumentation, languageOf, MAX_SOURCE_CHARACTERS, type SourceLanguage } from './source-file.js';
import { findSourcePoints, mayHavePoints, type SourcePoint } from './source-points.js';

const require = createRequire(import.meta.url);

const SYNTAX_FILES = {
  runtime: require.resolve('web-tree-sitter/web-tree-sitter.wasm'),
  c: require.resolve('tree-sitter-c/tree-sitter-c.wasm'),
  cpp: require.resolve('tree-sitter-cpp/tree-sitter-cpp.wasm'),
};

describe('signal and wait points of a source', () => {
  let syntax: CSyntax;
  before(async () => {
    syntax = await CSyntax.load(SYNTAX_FILES);
  });
  after(() => syntax.dispose());

  function points(text: string, language: SourceLanguage = 'c'): SourcePoint[] {
    const tree = syntax.parse(text, language);
    assert.ok(tree !== undefined);
    try {
      return findSourcePoints(tree);
    } finally {
      tree.delete();
    }
  }

  it('finds calls, their place, function and object', () => {
    const [point, ...others] = points('VOID Tick(EXT *ext)\n{\n    KeSetEvent(&ext->SharedEvent, 0, FALSE);\n}\n');
    assert.deepEqual(others, []);
    assert.ok(point !== undefined);
    assert.deepEqual(
      [point.called, point.side, point.object, point.expression, point.inFunction],
      ['KeSetEvent', 'kernel', 'SharedEvent', '&ext->SharedEvent', 'Tick'],
    );
    assert.deepEqual([point.line, point.column, point.endColumn], [2, 4, 14]);
    assert.deepEqual(point.roles, ['signal']);
  });

  it('takes no comment, string, declaration, address of a function or longer name for a call', () => {
    const text = `
      // KeSetEvent(&a, 0, FALSE);
      LONG KeSetEvent(PRKEVENT Event, LONG Increment, BOOLEAN Wait);
      const char *text = "SetEvent(handle)";
      void f(void) { call = SetEvent; MySetEvent(handle); x.SetEvent(handle); }`;
    assert.deepEqual(points(text), []);
  });

  it('tells the object through casts, pointers, arrays and parentheses', () => {
    const objectOf = (argument: string) => points(`void f(void) { SetEvent(${argument}); }`)[0]?.object;
    assert.equal(objectOf('(HANDLE)(app->wake)'), 'wake');
    assert.equal(objectOf('events[2]'), 'events');
    assert.equal(objectOf('*slot'), 'slot');
    assert.equal(objectOf('EventOf(row)'), 'EventOf');
  });

  it('follows a name from the call that creates or opens the object', () => {
    const found = points(`void f(void) {
      HANDLE shared = CreateEventW(NULL, TRUE, FALSE, L"Global\\\\SharedEvent");
      other = OpenEvent(SYNCHRONIZE, FALSE, TEXT("Other"));
      WaitForSingleObject(shared, INFINITE);
      SignalObjectAndWait(other, shared, 5, FALSE);
    }`);
    assert.deepEqual(
      found.map(({ called, object, roles }) => [called, object, roles.join()]),
      [
        ['CreateEventW', 'Global\\SharedEvent', 'lifecycle'],
        ['OpenEvent', 'Other', 'lifecycle'],
        ['WaitForSingleObject', 'Global\\SharedEvent', 'wait'],
        ['SignalObjectAndWait', 'Other', 'signal,wait'],
      ],
    );
  });

  it("tells a function's own variables from those of another, and shares fields and globals", () => {
    const found = points(`
      HANDLE all;
      void f(HANDLE own, APP *app) { SetEvent(own); SetEvent(app->wake); SetEvent(all); }
      void g(APP *other) { HANDLE own[2], *slot = &all; ResetEvent(own[1]); ResetEvent(other->wake); SetEvent(*slot); }`);
    assert.deepEqual(
      found.map(({ object }) => object),
      ['own (f)', 'wake', 'all', 'own (g)', 'wake', 'slot (g)'],
    );
  });

  it('goes on behind an error in the source, and reads C++', () => {
    assert.equal(points('void f(void) { = 5 + ; }\nvoid g(void) { ResetEvent(handle); }').at(-1)?.inFunction, 'g');
    const [call] = points('struct A { void f() { ::SetEvent(m_event.get()); } };', 'cpp');
    assert.deepEqual([call?.called, call?.inFunction], ['SetEvent', undefined]);
    assert.equal(languageOf('C:\\x\\A.CPP'), 'cpp');
    assert.equal(languageOf('/x/a.h'), 'c');
  });

  it("finds the sample driver's and application's points", () => {
    const read = (name: string) => readFileSync(resolve(import.meta.dirname, '../../driver', name), 'utf8');
    const events = points(read('sys/buffers.c'));
    const waits = events.filter(({ called }) => called === 'KeWaitForSingleObject');
    assert.deepEqual(
      waits.map(({ object }) => object),
      ['Object', 'Thread', 'Thread', 'Started'],
      'also where the name is in parentheses, behind a cast',
    );
    const waiting = points(read('app/stress.c')).filter(({ roles }) => roles.includes('wait'));
    assert.ok(waiting.length > 0 && waiting.every(({ side }) => side === 'user'));
  });

  it('does not parse what cannot have a point, nor what is too large', () => {
    assert.equal(mayHavePoints('int main(void) { return MySetEvent(); }'), false);
    assert.equal(isInstrumentation('/x/eventscope_trace_user.h'), true);
    assert.equal(isInstrumentation('/x/my_trace.h'), false);
    assert.equal(mayHavePoints('x = CreateEvent(0, 0, 0, 0);'), true);
    assert.equal(syntax.parse(' '.repeat(MAX_SOURCE_CHARACTERS + 1), 'c'), undefined);
  });

  it('parses an edit on top of the tree before', () => {
    const before = 'void f(void) { SetEvent(a); }';
    const tree = syntax.parse(before, 'c');
    assert.ok(tree !== undefined);
    const at = before.indexOf('SetEvent');
    const edit = new Edit({
      startIndex: at,
      oldEndIndex: at,
      newEndIndex: at + 15,
      startPosition: { row: 0, column: at },
      oldEndPosition: { row: 0, column: at },
      newEndPosition: { row: 0, column: at + 15 },
    });
    tree.edit(edit);
    const now = syntax.parse(`${before.slice(0, at)}ResetEvent(b); ${before.slice(at)}`, 'c', tree);
    assert.ok(now !== undefined);
    assert.deepEqual(
      findSourcePoints(now).map(({ called, object }) => [called, object]),
      [
        ['ResetEvent', 'b'],
        ['SetEvent', 'a'],
      ],
    );
    tree.delete();
    now.delete();
  });
});
